import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSandbox } from '../sandbox/host/sandbox.ts';
import type { Ending } from './config.ts';
import { table } from './paint.ts';
import { play } from './play.ts';
import { Refusal } from './sandbox-facts.ts';
import { showStory } from './show-story.ts';
import { STORIES } from './stories.ts';

/** How a demo is played. */
export interface DemoOptions {
  readonly runbook: string | undefined;
  readonly seed: number;
  readonly rate: number;
  readonly engines: 'embedded' | 'google';
  readonly bundles?: string;
  readonly config: string;
  readonly json: boolean;
}

/** `./dr demo --list`. */
export function listStories(json: boolean): Ending {
  const rows = STORIES.map(({ runbook, title }) => ({ runbook, title }));
  return {
    exitCode: 0,
    stdout: json ? `${JSON.stringify(rows)}\n` : `${table(rows.map(({ runbook, title }) => [runbook, title]))}\n`,
    stderr: '',
  };
}

/** Plays one story or all, each on a sandbox of its own in a temporary folder. 0 only if every verification held. */
export async function demoCommand({
  runbook,
  seed,
  rate,
  engines,
  bundles,
  config,
  json,
}: DemoOptions): Promise<Ending> {
  const chosen = STORIES.filter((story) => runbook === undefined || story.runbook === runbook);
  if (chosen.length === 0)
    throw new Refusal(
      2,
      `there is no story ${runbook ?? ''}; there are ${STORIES.map((story) => story.runbook).join(', ')}`,
    );
  let held = true;
  for (const story of chosen) {
    const directory = mkdtempSync(join(tmpdir(), 'dr-demo-'));
    const pace = Math.min(rate, story.rateAtMost ?? rate);
    process.stderr.write(`Starting a sandbox for ${story.runbook} (seed ${seed}, ${pace} times real time) …\n`);
    const sandbox = await startSandbox({
      directory,
      config,
      rate: pace,
      seed,
      engines,
      ...(bundles === undefined ? {} : { bundles }),
    });
    const end = async (): Promise<void> => {
      await sandbox.stop();
      rmSync(directory, { recursive: true, force: true });
    };
    const interrupted = (): void => void end().finally(() => process.exit(130));
    process.once('SIGINT', interrupted);
    try {
      held =
        (await play(story, sandbox, (event) =>
          process.stdout.write(json ? `${JSON.stringify(event)}\n` : `${showStory(event)}\n`),
        )) && held;
    } finally {
      process.off('SIGINT', interrupted);
      await end();
    }
  }
  return { exitCode: held ? 0 : 1, stdout: '', stderr: '' };
}
