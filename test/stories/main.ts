import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

// `npm run stories`: the core stories once. `-- --all` adds the long ones, `-- --seeds N --from M` plays with each of N seeds, one
// after the other, and every other argument goes to Jest: `-- --all --seeds 20 loss`.

const { values, positionals } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '1' },
    from: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    outputFile: { type: 'string' },
    workers: { type: 'string', default: '2' },
  },
  allowPositionals: true,
});

const JEST = fileURLToPath(new URL('../../node_modules/jest/bin/jest.js', import.meta.url));
const CONFIG = fileURLToPath(new URL('jest.config.js', import.meta.url));

const failed: number[] = [];
for (let seed = Number(values.from); seed < Number(values.from) + Number(values.seeds); seed += 1) {
  if (values.seeds !== '1') console.error(`\n── seed ${seed}`);
  if ((await play(seed)) !== 0) failed.push(seed);
}
if (values.seeds !== '1') console.error(`\n${values.seeds} seeds; failed: ${failed.join(', ') || 'none'}`);
process.exitCode = failed.length === 0 ? 0 : 1;

function play(seed: number): Promise<number> {
  const jest = [
    '--config',
    CONFIG,
    '--maxWorkers',
    values.workers,
    ...(values.json ? ['--json'] : []),
    ...(values.outputFile === undefined ? [] : ['--outputFile', values.outputFile]),
    ...positionals,
  ];
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules', JEST, ...jest],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        DR_STORIES: values.all ? 'all' : 'core',
        DR_STORY_SEED: String(seed),
        ...(values.verbose ? { DR_STORY_VERBOSE: '1' } : {}),
      },
    },
  );
  return new Promise((ended, fail) => {
    child.on('error', fail);
    child.on('close', (code) => ended(code ?? 1));
  });
}
