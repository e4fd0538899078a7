import { Option } from 'commander';
import type { Millis } from '../shared/core/time.ts';
import { lengthOfTime } from './arguments.ts';
import { run, type Shared, store, stored, verb } from './program.ts';

// The verbs by which a team takes dr-autopilot into use (docs/deployment.md, "Adoption"). None but `conform --yes` changes anything in the cloud.

/** Adds them to the program. */
export function addAdoptionVerbs(): void {
  verb('init', 'Write a first dr.yaml out of what is found in a live project: commented, everything in mode observe')
    .option('--project <id>', 'the project, where no sandbox runs')
    .option('--out <file>', 'what is written', 'dr.yaml')
    .option('--stdout', 'print it instead')
    .option('--force', 'write over a file that is there')
    .action((options: Shared & { project?: string; out: string; stdout?: boolean; force?: boolean }) =>
      run(async () => (await import('./init.ts')).initHere({ ...options, project: options.project })),
    );

  stored(
    verb(
      'report',
      'What was done since some days, or would have been: by scenario, with times, refusals and approvals',
    ),
  )
    .addOption(
      new Option('--since <length>', 'how far back, such as 7d or 12h')
        .argParser(lengthOfTime)
        .default(lengthOfTime('7d'), '7d'),
    )
    .action((options: Shared & { store?: string; since: Millis }) =>
      run(async () => {
        const [{ reportCommand }, { runningFacts }] = await Promise.all([
          import('./report.ts'),
          import('./sandbox-facts.ts'),
        ]);
        const facts = await runningFacts(options.directory);
        return await reportCommand(facts, { ...options, store: await store(options) });
      }),
    );

  stored(
    verb(
      'doctor',
      'Whether everything is set up well: dr.yaml against the cloud; says how to mend what is not; changes nothing',
    ),
  ).action((options: Shared & { store?: string }) =>
    run(async () => (await import('./doctor.ts')).doctorHere({ ...options, store: options.store })),
  );

  verb('conform', 'Prove what we assume of the cloud on throw-away instances; says first what that makes and costs')
    .option('--yes', 'make them, prove, and delete them again', false)
    .option('--clean', 'delete what an earlier run left behind', false)
    .addOption(
      new Option('--only <ids>', 'these assumptions alone, separated by commas').argParser((text) => text.split(',')),
    )
    .action((options: Shared & { yes: boolean; clean: boolean; only?: readonly string[] }) =>
      run(async () => (await import('./conform.ts')).conformHere({ ...options, only: options.only })),
    );
}
