import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { FunctionName } from '../shared/system/names.ts';
import { type Sandbox, startSandbox } from '../sandbox/host/sandbox.ts';
import type { OutputLine } from '../sandbox/host/function-process.ts';
import { OPERATOR } from '../sandbox/world/reference-system.ts';
import type { Ending } from './config.ts';
import { control, type Facts } from './sandbox-facts.ts';
import { play } from './play.ts';
import { showStory } from './show-story.ts';
import { STORIES } from './stories.ts';

/** How a sandbox is run in the foreground. */
export interface RunOptions {
  readonly directory: string;
  readonly config: string;
  readonly rate: number;
  readonly seed: number;
  readonly regions: 1 | 2;
  readonly engines: 'embedded' | 'google';
  readonly postgres: 'embedded' | 'local';
  /** Where bundles of the functions are that run instead of the sources. */
  readonly bundles?: string;
  /** Plays the database story once before it stays up. */
  readonly story: boolean;
  readonly json: boolean;
  readonly verbose: boolean;
}

/** `./dr start` and `./dr sandbox`: runs until Ctrl-C or `./dr sandbox stop`, then ends every process that it started. */
export async function runSandbox(options: RunOptions): Promise<Ending> {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  say(
    `Starting the sandbox (${options.rate} times real time): a simulated Google Cloud with the reference system, and the real functions …`,
  );
  const began = performance.now();
  const sandbox = await startSandbox({ ...options, onLine: (name, line) => showLine(name, line, options.verbose) });
  const ended = untilStopped(sandbox);
  say(`Ready after ${Math.round((performance.now() - began) / 1_000)} s.`);
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ kind: 'ready', config: sandbox.facts.config, store: sandbox.facts.store, approve: sandbox.facts.approve, status: sandbox.facts.status, google: sandbox.facts.google, kubernetes: sandbox.facts.kubernetes })}\n`,
    );
  let held = true;
  const story = STORIES.find(({ runbook }) => runbook === 'database-failover');
  if (options.story && story !== undefined) {
    held = await Promise.race([
      play(story, sandbox, (event) =>
        process.stdout.write(options.json ? `${JSON.stringify(event)}\n` : `${showStory(event)}\n`),
      ),
      ended.then(() => true),
    ]);
  }
  say(WHAT_TO_TRY(sandbox));
  await ended;
  say('Everything that was started here has ended.');
  return { exitCode: held ? 0 : 1, stdout: '', stderr: '' };
}

/** Function lines that people should see: what the terminal destination prints, and what went wrong. */
function showLine(name: FunctionName, { text, record }: OutputLine, verbose: boolean): void {
  const severity = record?.['severity'];
  if (verbose || record === undefined || (severity !== 'INFO' && severity !== 'DEBUG'))
    process.stderr.write(`  ${name} | ${text}\n`);
}

function untilStopped(sandbox: Sandbox): Promise<void> {
  return new Promise((resolve) => {
    let ending: Promise<void> | undefined;
    const end = (): void => {
      ending ??= sandbox.stop().then(resolve);
    };
    process.on('SIGINT', end);
    process.on('SIGTERM', end);
    sandbox.onShutDown(end);
  });
}

const WHAT_TO_TRY = ({ copies, facts }: Sandbox): string => `
The sandbox is up: the simulated cloud at ${facts.google}, its cluster at ${facts.kubernetes}, the functions in ${copies.regions().join(' and ')}, and users.
  look   ./dr status            ./dr incidents            ./dr show INCIDENT --follow      ${facts.status}
  try    ./dr break pod         (heals by itself)         ./dr break primary-database     (asks you: the link is printed here)
         ./dr plan database-failover                      ./dr trigger database-failover --reason "a drill"
${copies.regions().length === 1 ? '' : '         ./dr break control-region (our functions in one region end; those of the other go on)\n'}  tools  eval "$(./dr sandbox env)" && gcloud sql instances list && kubectl get pods
Ctrl-C ends it and every process that it started.`;

const addressesWire = z.object({
  ports: z.record(z.string(), z.number()),
  passwords: z.string(),
  database: z.string(),
  user: z.string(),
  primary: z.string(),
});

/** `PGPORT_CODITECT_DMS_DB_REPLICA` for `coditect-dms-db-replica`. */
const portVariable = (instance: string): string => `PGPORT_${instance.toUpperCase().replaceAll('-', '_')}`;

/**
 * `./dr sandbox env`: the variables that point gcloud, kubectl and psql at the sandbox (docs/sandbox.md). psql finds the instance that
 * the application uses, and every other one by its port.
 */
export async function sandboxEnv(facts: Facts): Promise<Ending> {
  const databases = addressesWire.parse(await control(facts, 'GET', '/databases'));
  const base = `${facts.google}/`;
  const folder = dirname(facts.kubeconfig);
  const apis = ['SQL', 'CONTAINER', 'DNS', 'SECRETMANAGER', 'REDIS', 'LOGGING', 'PUBSUB', 'MONITORING', 'STORAGE'];
  const variables: readonly (readonly [string, string])[] = [
    ['CLOUDSDK_CONFIG', join(folder, 'gcloud')],
    ['BOTO_CONFIG', join(folder, 'gsutil.boto')],
    ['CLOUDSDK_CORE_ACCOUNT', OPERATOR],
    ['CLOUDSDK_CORE_DISABLE_PROMPTS', '1'],
    ['CLOUDSDK_CORE_PROJECT', facts.project],
    ['CLOUDSDK_CORE_DISABLE_USAGE_REPORTING', 'true'],
    ['CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK', 'true'],
    ['CLOUDSDK_AUTH_ACCESS_TOKEN', facts.operatorToken],
    ...apis.map((api) => [`CLOUDSDK_API_ENDPOINT_OVERRIDES_${api}`, base] as const),
    ['CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE', `${base}compute/v1/`],
    ['CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN', 'http://run.sandbox.test/'],
    ['CLOUDSDK_PROXY_TYPE', 'http'],
    ['CLOUDSDK_PROXY_ADDRESS', '127.0.0.1'],
    ['CLOUDSDK_PROXY_PORT', String(facts.proxyPort)],
    ['KUBECONFIG', facts.kubeconfig],
    ['PGHOST', '127.0.0.1'],
    ['PGPORT', String(databases.ports[databases.primary] ?? '')],
    ['PGDATABASE', databases.database],
    ['PGUSER', databases.user],
    ['PGPASSFILE', databases.passwords],
    ['PGSSLMODE', 'disable'],
    ...Object.entries(databases.ports).map(([instance, port]) => [portVariable(instance), String(port)] as const),
  ];
  return { exitCode: 0, stdout: variables.map(([name, value]) => `export ${name}='${value}'\n`).join(''), stderr: '' };
}

/** `./dr sandbox stop`. */
export async function stopSandbox(facts: Facts): Promise<Ending> {
  await control(facts, 'POST', '/shutdown', {});
  return { exitCode: 0, stdout: 'Stopping.\n', stderr: '' };
}
