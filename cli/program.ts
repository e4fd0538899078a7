import { join } from 'node:path';
import { Command } from 'commander';
import { VERSION } from '../shared/core/version.ts';
import { engines, oneOrTwo, positive, postgres, whole } from './arguments.ts';
import type { Ending } from './config.ts';

// The `dr` program before it has verbs (dr.ts), and what verbs share: their options, the sandbox that runs here, and how they end.

/** Where the state of a checkout's sandbox lives; ignored by git. */
const DIRECTORY = '.dr';

/** How many times faster than the wall the sandbox's clock runs. */
const RATE = 20;

/** What every verb takes. */
export interface Shared {
  readonly json: boolean;
  readonly config: string;
  readonly directory: string;
}

/** What a sandbox is started with. */
export interface Running {
  readonly rate: number;
  readonly seed: number;
  readonly regions: 1 | 2;
  readonly engines: 'embedded' | 'google';
  readonly postgres: 'embedded' | 'local';
  readonly bundles?: string;
  readonly verbose?: boolean;
}

/** What the command line is parsed by. */
export const program = new Command('dr')
  .description(
    'Disaster recovery that starts from the alert: looks, names the failure, heals what is safe, asks for the rest.',
  )
  .usage('VERB [OBJECT] [options]')
  .version(VERSION, '--version', 'which version this is')
  .helpOption('-h, --help', 'what a verb does, with examples')
  .showHelpAfterError('(./dr --help lists the verbs)')
  .configureHelp({ sortSubcommands: false })
  .exitOverride();

program.addHelpText(
  'after',
  `
Exit codes: 0 done, 1 a verification or check failed, 2 wrong usage, 3 refused by a guard, 4 unreachable, 130 interrupted.

Examples:
  ./dr demo                                  every story on a sandbox of its own, a few minutes each
  ./dr start                                 a sandbox that stays up, after playing the database story once
  ./dr break pod                             then watch: ./dr incidents, ./dr show INCIDENT --follow
  ./dr plan database-failover                what would be done, and what it would lose; nothing is done`,
);

/** A verb with what all of them take. */
export function verb(name: string, says: string, parent: Command = program): Command {
  return parent
    .command(name)
    .description(says)
    .option('--json', 'for scripts: JSON on stdout, NDJSON for streams', false)
    .option('--config <file>', 'the system’s configuration', 'dr.yaml')
    .option('--directory <folder>', 'where the sandbox’s state lives', DIRECTORY);
}

/** How fast a sandbox runs, and on what. */
export function paced(command: Command): Command {
  return command
    .option('--rate <times>', 'how many times faster than the wall its clock runs', positive, RATE)
    .option('--seed <n>', 'fixes chance', whole, 1)
    .option(
      '--engines <which>',
      'embedded, or google: state and messages on Google’s own emulators',
      engines,
      'embedded',
    )
    .option('--bundles <directory>', 'run the functions from what npm run bundle has made there');
}

/** A verb that starts a sandbox. */
export function running(command: Command): Command {
  const sql = 'what executes SQL: embedded (PGlite), or local: PostgreSQL 15 of this machine';
  return paced(command)
    .option('--regions <n>', 'control regions with a copy of every function: 1 or 2', oneOrTwo, 1)
    .option('--postgres <which>', sql, postgres, 'embedded')
    .option('--verbose', 'show every line that the functions write');
}

/** A verb that reads a store. */
export function stored(command: Command): Command {
  return command.option('--store <file>', 'read this store instead of the sandbox’s');
}

/** The sandbox that runs in the folder. Refuses where none does. */
export async function facts({ directory }: Shared) {
  return await (await import('./sandbox-facts.ts')).readFacts(directory);
}

/** The store that a verb reads: the one that is named, or the sandbox’s. */
export async function store(options: Shared & { store?: string }): Promise<string> {
  if (options.store !== undefined) return options.store;
  // The last sandbox's log can still be read when it has ended.
  const running = await (await import('./sandbox-facts.ts')).runningFacts(options.directory);
  return running?.store ?? join(options.directory, 'store.sqlite');
}

/** Runs a verb and ends as decisions.md 26 says. */
export async function run(work: () => Promise<Ending>): Promise<void> {
  const { exitCode, stdout, stderr } = await work().catch(endingOf);
  await written(process.stderr, stderr);
  await written(process.stdout, stdout);
  // Whatever asked a server that never answered would go on asking, and keep whoever typed it waiting for minutes.
  process.exit(exitCode);
}

/** How a verb ends that could not do its work: it was asked for what it may not do, or somebody did not answer. Bugs pass. */
async function endingOf(error: unknown): Promise<Ending> {
  const [{ Refusal }, { isPortError }] = await Promise.all([
    import('./sandbox-facts.ts'),
    import('../shared/ports/port-error.ts'),
  ]);
  if (error instanceof Refusal) return { exitCode: error.exitCode, stdout: '', stderr: `dr: ${error.message}\n` };
  if (isPortError(error)) return { exitCode: 4, stdout: '', stderr: `dr: ${error.message}\n` };
  throw error;
}

const written = (stream: NodeJS.WriteStream, text: string): Promise<void> =>
  new Promise((done) => void stream.write(text, () => done()));
