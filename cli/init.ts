import { writeFile } from 'node:fs/promises';
import type { Discovery } from '../shared/adoption/discovery.ts';
import type { Reading } from '../shared/adoption/finding.ts';
import { MARK, proposeConfig } from '../shared/adoption/propose.ts';
import { toIso } from '../shared/core/time.ts';
import type { Lookout } from '../shared/ports/lookout.ts';
import { createCloudSqlDatabases } from '../shared/providers/cloud-sql-databases.ts';
import { createGoogleDiscovery } from '../shared/providers/google-discovery.ts';
import { createGoogleLookout } from '../shared/providers/google-lookout.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import type { Ending } from './config.ts';
import { askInTurn } from './doctor-look.ts';
import { accessOf } from './operator.ts';
import { type Facts, Refusal, runningFacts } from './sandbox-facts.ts';

// `./dr init`: the first `dr.yaml` of a project, out of what is found in it. Changes nothing in the cloud.

/** What is asked for. */
export interface InitOptions {
  /** The project; a sandbox’s own where one runs. */
  readonly project?: string | undefined;
  readonly out: string;
  /** Prints the file instead of writing it. */
  readonly stdout?: boolean | undefined;
  /** Writes over a file that is there. */
  readonly force?: boolean | undefined;
  readonly json: boolean;
}

/** `initCommand` by the sandbox that runs in a folder, or by the project where none does. */
export async function initHere(options: InitOptions & { readonly directory: string }): Promise<Ending> {
  return await initCommand(await runningFacts(options.directory), options);
}

/** 0 when the file is written, 2 for wrong usage or a file that is there, 4 when something could not be read: the file says what. */
export async function initCommand(facts: Facts | undefined, options: InitOptions): Promise<Ending> {
  const system = facts === undefined ? undefined : loadSystem(facts.config);
  const project = options.project ?? system?.project;
  if (project === undefined) throw new Refusal(2, 'no sandbox runs here: name the project with --project');
  const endpoints = system?.endpoints ?? NO_ENDPOINTS;
  const { access, clock } = accessOf(facts, { project, endpoints });
  const found = await discover(project, access, createGoogleLookout(access, []));
  const text = proposeConfig(found, toIso(clock.now()));
  const missed = Object.entries(found).flatMap(([name, reading]: readonly [string, Reading<unknown> | string]) =>
    typeof reading !== 'string' && reading.kind !== 'read' ? [name] : [],
  );
  const marks = text.split('\n').filter((line) => line.includes(MARK) && !line.startsWith('#')).length;
  const exitCode = missed.length === 0 ? 0 : 4;
  const unread = missed.length === 0 ? '' : `Could not be read, and is missing in it: ${missed.join(', ')}.\n`;
  if (options.stdout === true) return { exitCode, stdout: text, stderr: unread };
  await write(options.out, text, options.force === true);
  const next = `${marks} lines wait for a person (${MARK}): ./dr config check --config ${options.out}, then ./dr doctor --config ${options.out}\n`;
  return options.json
    ? { exitCode, stdout: `${JSON.stringify({ ok: exitCode === 0, file: options.out, marks, missed })}\n`, stderr: '' }
    : { exitCode, stdout: `Wrote ${options.out}: everything in mode observe. ${next}`, stderr: unread };
}

async function write(path: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(path, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    if (typeof error !== 'object' || error === null || !('code' in error)) throw error;
    throw new Refusal(
      2,
      error.code === 'EEXIST'
        ? `${path} is there already: --force writes over it, --out names another, --stdout prints`
        : `${path} can’t be written (${String(error.code)})`,
    );
  }
}

async function discover(
  project: string,
  access: Parameters<typeof createGoogleDiscovery>[0],
  lookout: Pick<Lookout, 'caches'>,
): Promise<Discovery> {
  const listed = createGoogleDiscovery(access);
  const ask = askInTurn();
  const [instances, deployments, services, secrets, buckets, urlMaps, records, caches] = await Promise.all([
    ask(() => createCloudSqlDatabases(access).fleet()),
    ask(listed.deployments),
    ask(listed.services),
    ask(listed.secrets),
    ask(listed.buckets),
    ask(listed.urlMaps),
    ask(listed.records),
    ask(() => lookout.caches()),
  ]);
  return { project, instances, deployments, services, secrets, buckets, urlMaps, records, caches };
}

const NO_ENDPOINTS = { google: {}, kubernetes: {}, hosts: {}, dataPlane: {}, postgres: {}, approve: [] } as const;
