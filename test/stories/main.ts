import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

// `npm run stories`: the core stories once. `-- --all` adds the long ones, `-- --seeds N --from M` plays with each of N seeds, one
// after the other, and every other argument goes to Jest: `-- --all --seeds 20 loss`.

const OWN = {
  all: { type: 'boolean' },
  seeds: { type: 'string' },
  from: { type: 'string' },
  verbose: { type: 'boolean' },
} as const;

const { tokens } = parseArgs({ options: OWN, strict: false, allowPositionals: true, tokens: true });
const own = new Map<string, string>();
const others: string[] = [];
for (const token of tokens) {
  if (token.kind === 'positional') others.push(token.value);
  else if (token.kind === 'option' && token.name in OWN) own.set(token.name, token.value ?? '');
  else if (token.kind === 'option')
    others.push(token.inlineValue === true ? `${token.rawName}=${token.value}` : token.rawName);
}
const seeds = Number(own.get('seeds') ?? 1);
const from = Number(own.get('from') ?? 1);

const JEST = fileURLToPath(new URL('../../node_modules/jest/bin/jest.js', import.meta.url));
const CONFIG = fileURLToPath(new URL('jest.config.js', import.meta.url));

/** What ends this command ends its stories too. */
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

const failed: number[] = [];
for (let seed = from; seed < from + seeds; seed += 1) {
  if (seeds > 1) console.error(`\n── seed ${seed}`);
  if ((await play(seed)) !== 0) failed.push(seed);
}
if (seeds > 1) console.error(`\n${seeds} seeds; failed: ${failed.join(', ') || 'none'}`);
process.exitCode = failed.length === 0 ? 0 : 1;

function play(seed: number): Promise<number> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules', JEST, '--config', CONFIG, ...others],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        DR_STORIES: own.has('all') ? 'all' : 'core',
        DR_STORY_SEED: String(seed),
        ...(own.has('verbose') ? { DR_STORY_VERBOSE: '1' } : {}),
      },
    },
  );
  const stop = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, stop);
  return new Promise<number>((ended, fail) => {
    child.on('error', fail);
    child.on('close', (code) => ended(code ?? 1));
  }).finally(() => {
    for (const signal of SIGNALS) process.off(signal, stop);
  });
}
