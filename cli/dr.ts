import './require-node.js';
import { type Command, CommanderError } from 'commander';
import { RUNBOOKS } from '../shared/system/names.ts';
import { addAdoptionVerbs } from './adoption-verbs.ts';
import { whole } from './arguments.ts';
import { facts, paced, program, run, type Running, running, type Shared, store, stored, verb } from './program.ts';

// `./dr VERB [OBJECT] [--json] [--config dr.yaml]` (decisions.md 26). Each verb's code is loaded when it is asked for.

// Whoever reads along may have seen enough: `./dr logs api-gke | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const WHICH_RUNBOOK = RUNBOOKS.join(', ');

/** What a runbook is asked for. */
interface Asked {
  readonly target?: string;
  readonly database?: string;
  readonly tenant?: string;
  readonly moment?: string;
}

const WHICH_MOMENT =
  'the last good moment, RFC 3339; without it point-in-time-recovery looks for one, and tenant-restore takes the newest backup';

running(verb('start', 'Start the sandbox, play the database story once, and stay up'))
  .option('--idle', 'skip the story')
  .action((options: Shared & Running & { idle?: boolean }) =>
    run(async () =>
      (await import('./sandbox.ts')).runSandbox({
        ...options,
        story: options.idle !== true,
        verbose: options.verbose === true,
      }),
    ),
  );

// Its own verbs have options of the same names, which it takes wherever they stand: they ask for all that were given.
const sandbox = running(
  verb('sandbox', 'Run the sandbox without a story; `sandbox env` points gcloud and kubectl at it'),
).action((options: Shared & Running) =>
  run(async () =>
    (await import('./sandbox.ts')).runSandbox({ ...options, story: false, verbose: options.verbose === true }),
  ),
);
verb('env', 'Print the variables: eval "$(./dr sandbox env)"', sandbox).action((_: Shared, command: Command) =>
  run(async () => (await import('./sandbox.ts')).sandboxEnv(await facts(command.optsWithGlobals<Shared>()))),
);
verb('stop', 'End the sandbox that runs here', sandbox).action((_: Shared, command: Command) =>
  run(async () => (await import('./sandbox.ts')).stopSandbox(await facts(command.optsWithGlobals<Shared>()))),
);

paced(verb('demo', 'Play every story, or one, unattended; 0 only if every verification held'))
  .argument('[runbook]', WHICH_RUNBOOK)
  .option('--list', 'name the stories')
  .action(
    (
      runbook: string | undefined,
      options: Shared & Pick<Running, 'rate' | 'seed' | 'engines' | 'bundles'> & { list?: boolean },
    ) =>
      run(async () => {
        const demo = await import('./demo.ts');
        return options.list === true ? demo.listStories(options.json) : await demo.demoCommand({ ...options, runbook });
      }),
  );

verb('break', 'Break something in the simulated world; without a name, list what can be broken')
  .argument('[fault]', 'e.g. pod, primary-database')
  .argument('[target]', 'what to break; the fault has a default')
  .option('--variant <name>', 'how it breaks')
  .action((name: string | undefined, target: string | undefined, options: Shared & { variant?: string }) =>
    run(async () =>
      (await import('./faults.ts')).breakCommand(
        await facts(options),
        { name, target, variant: options.variant },
        options,
      ),
    ),
  );

verb('mend', 'Mend a fault, or all of them')
  .argument('[fault]')
  .action((name: string | undefined, options: Shared) =>
    run(async () => (await import('./faults.ts')).mendCommand(await facts(options), name, options)),
  );

verb(
  'status',
  'Everything at a glance: databases, applications, Redis, incidents, kill switch, modes; 4 when a part is unknown',
).action((options: Shared) =>
  run(async () => (await import('./status.ts')).statusCommand(await facts(options), options)),
);

verb('logs', 'The newest lines of an application, redacted: from its pods, or from Cloud Logging')
  .argument('<application>', 'an application of dr.yaml')
  .option('--since <length>', 'how far back, such as 10m or 2h', '10m')
  .option('--limit <n>', 'lines at the most, of each pod or of the service', whole, 100)
  .option('--pod <name>', 'one pod instead of all')
  .option('--previous', 'the container that ran before the present one')
  .action((application: string, options: Shared & { since: string; limit: number; pod?: string; previous?: boolean }) =>
    run(async () =>
      (await import('./logs.ts')).logsCommand(
        await facts(options),
        { ...options, application, pod: options.pod, previous: options.previous === true },
        options,
      ),
    ),
  );

stored(verb('incidents', 'List the incidents, and messages that could not be read')).action(
  (options: Shared & { store?: string }) =>
    run(async () => (await import('./incidents.ts')).incidentsCommand(await store(options), options)),
);

stored(verb('show', 'The timeline of one incident; --json prints its records as NDJSON, which verify takes'))
  .argument('<incident>')
  .option('-f, --follow', 'go on until it ends')
  .action((id: string, options: Shared & { store?: string; follow?: boolean }) =>
    run(async () =>
      (await import('./incidents.ts')).showCommand(await store(options), id, {
        json: options.json,
        follow: options.follow === true,
      }),
    ),
  );

verb('plan', 'Dry run against the live world: steps, guards, estimates; nothing is done')
  .argument('<runbook>', WHICH_RUNBOOK)
  .option('--target <name>', 'a database instance or application of dr.yaml')
  .option('--database <instance>', 'with --tenant: the database of dr.yaml that holds the tenant’s rows')
  .option('--tenant <key>', 'for tenant-restore: the tenant, as its key is written in the database')
  .option('--moment <time>', WHICH_MOMENT)
  .action((runbook: string, options: Shared & Asked) =>
    run(async () => {
      const target = (await import('./commands.ts')).targetAsked(options);
      const asked = { runbook, target, moment: options.moment };
      return (await import('./dry-run.ts')).planCommand(await facts(options), asked, options);
    }),
  );

verb('guard', 'Before `terraform apply`: refuses a plan that would undo a recovery, by what the cloud says now')
  .argument('<plan>', 'what `terraform show -json` wrote')
  .option('--allow <address...>', 'changes that may pass, by their addresses in the plan', [])
  .action((plan: string, options: Shared & { allow: string[] }) =>
    run(async () => (await import('./guard.ts')).guardHere(plan, options)),
  );

stored(
  verb(
    'reality',
    'After a recovery: the change of Terraform’s files that declares what is true now, by the incident’s log',
  ),
)
  .argument('<incident>', 'an incident: ./dr incidents')
  .option('--state <file>', 'what `terraform show -json` wrote of the state; without it names stand for addresses')
  .action((incident: string, options: Shared & { store?: string; state?: string }) =>
    run(async () => {
      const [{ realityCommand }, { runningFacts }] = await Promise.all([
        import('./reality.ts'),
        import('./sandbox-facts.ts'),
      ]);
      const running = await runningFacts(options.directory);
      const { json, state } = options;
      return await realityCommand(incident, {
        config: running?.config ?? options.config,
        store: await store(options),
        state,
        json,
      });
    }),
  );

verb(
  'trigger',
  'Start a runbook by hand: publishes a command, which opens an incident that has to pass the same looks, guards and approvals',
)
  .argument('<runbook>', WHICH_RUNBOOK)
  .requiredOption('--reason <text>', 'why; it stands in the log')
  .option('--target <name>', 'a database instance or application of dr.yaml')
  .option('--isolate <application...>', 'with breach-response: applications to cut off as well')
  .option('--database <instance>', 'with --tenant: the database of dr.yaml that holds the tenant’s rows')
  .option('--tenant <key>', 'for tenant-restore: the tenant, as its key is written in the database')
  .option('--moment <time>', WHICH_MOMENT)
  .action((runbook: string, options: Shared & Asked & { reason: string; isolate?: string[] }) =>
    run(async () => {
      const { publishCommand, targetAsked } = await import('./commands.ts');
      const { reason, isolate = [], moment } = options;
      const wish = { command: 'start', runbook, target: targetAsked(options), isolate, moment, reason } as const;
      return publishCommand(await facts(options), wish, options);
    }),
  );

for (const [name, says, help] of [
  [
    'scale',
    'Ask for more replicas or instances of an application: ./dr trigger with the runbook that fits where it runs',
    `
How many, and for how long, follows from what is seen and from dr.yaml; nothing is raised where more could not help, and what was
raised is given back. Down it does not scale.

  ./dr scale api-gke --reason "every pod is busy"   deployment-scale-up: the autoscaler's floor, for a while
  ./dr scale api-run --reason "429 for customers"   service-scale-up: the limits of the service, for a while`,
  ],
  [
    'restart',
    'Ask for a rolling restart of a Deployment: ./dr trigger rollout-restart; people approve it',
    `
  ./dr restart api-gke --reason "connections leak"  replaces every pod, as the Deployment's strategy does it`,
  ],
] as const) {
  verb(name, says)
    .argument('<application>', 'an application of dr.yaml')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText('after', help)
    .action((application: string, options: Shared & { reason: string }) =>
      run(async () =>
        (await import('./ask-for-more.ts')).askFor(
          await facts(options),
          name,
          { application, reason: options.reason },
          options,
        ),
      ),
    );
}

for (const [name, says] of [
  ['takeover', 'Hand a run to people: leases released, position and next commands printed; observing goes on'],
  ['resume', 'Hand it back: looks again and draws a new plan (past the point of no return: asks to go on)'],
] as const) {
  verb(name, says)
    .argument('<incident>')
    .option('--reason <text>', 'why', 'asked for at the command line')
    .action((incident: string, options: Shared & { reason: string }) =>
      run(async () =>
        (await import('./commands.ts')).publishCommand(
          await facts(options),
          { command: name, incident, reason: options.reason },
          options,
        ),
      ),
    );
}

verb('stop', 'Kill switch on: nothing destructive and nothing safe begins any more')
  .option('--reason <text>', 'why', 'asked for at the command line')
  .action((options: Shared & { reason: string }) =>
    run(async () =>
      (await import('./commands.ts')).publishCommand(
        await facts(options),
        { command: 'stop', reason: options.reason },
        options,
      ),
    ),
  );

verb('release', 'Kill switch off (an authenticated request)')
  .option('--reason <text>', 'why', 'asked for at the command line')
  .action((options: Shared & { reason: string }) => operate(options, { verb: 'release', reason: options.reason }));

verb('mode', 'Change how far a runbook may go unasked (an authenticated request)')
  .argument('<runbook>', WHICH_RUNBOOK)
  .argument('<mode>', 'observe, approve or auto')
  .option('--reason <text>', 'why', 'asked for at the command line')
  .action((runbook: string, mode: string, options: Shared & { reason: string }) =>
    operate(options, { verb: 'mode', runbook, mode, reason: options.reason }),
  );

verb('cancel', 'Close an incident (an authenticated request)')
  .argument('<incident>')
  .requiredOption('--reason <text>', 'why; it stands in the log')
  .action((incident: string, options: Shared & { reason: string }) =>
    operate(options, { verb: 'cancel', incident, reason: options.reason }),
  );

verb('acknowledge', 'Say that what a step asked you for is done; it looks for itself too (an authenticated request)')
  .argument('<incident>')
  .argument('<step>', 'as the notice names it, such as ask-SECRET')
  .option('--reason <text>', 'what was done', 'done')
  .action((incident: string, step: string, options: Shared & { reason: string }) =>
    operate(options, { verb: 'acknowledge', incident, step, reason: options.reason }),
  );

verb('accept', 'Ask for a plan that opens a wall by name; it still needs its own approval (an authenticated request)')
  .argument('<incident>')
  .argument(
    '<wall>',
    'accept-unknown-loss, accept-loss, accept-unfenced-primary, hand-over-restore, import-reviewed-rows, last-good/TIME, release-writer, delete-clones',
  )
  .requiredOption('--reason <text>', 'why; it stands in the log')
  .action((incident: string, wall: string, options: Shared & { reason: string }) =>
    operate(options, { verb: 'accept', incident, wall, reason: options.reason }),
  );

stored(verb('verify', 'Check the hash chain of an incident’s log offline'))
  .argument('<incident|file>', 'an incident, or a file with what `show --json` printed')
  .action((what: string, options: Shared & { store?: string }) =>
    run(async () => {
      const { verifyCommand } = await import('./verify.ts');
      return /^inc-[a-z2-7]{10}$/.test(what)
        ? await verifyCommand({ kind: 'incident', incident: what, storePath: await store(options) }, options)
        : await verifyCommand({ kind: 'file', path: what }, options);
    }),
  );

addAdoptionVerbs();

const config = program.command('config').description('dr.yaml');
verb('check', 'Report every fault of dr.yaml with its line, the value, and what would be right', config).action(
  (options: Shared) => run(async () => (await import('./config.ts')).configCheck(options.config, options)),
);

async function operate(options: Shared, wish: Readonly<Record<string, string>>): Promise<void> {
  await run(async () => (await import('./commands.ts')).operateCommand(await facts(options), wish, options));
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
