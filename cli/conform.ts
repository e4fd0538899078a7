import { readFile } from 'node:fs/promises';
import { ASSUMPTIONS } from '../sandbox/world/assumptions.ts';
import { EXPERIMENTS, NOT_PROVABLE, type Provable, type Verdict, verdictOf } from '../shared/adoption/conform.ts';
import { clean, type CleanPorts, type Left, ofRun } from '../shared/adoption/conform-clean.ts';
import { type ConformPlan, namesOf, placeOf, planConform, regionsOf } from '../shared/adoption/conform-plan.ts';
import { conform, type Conformed, type ConformPorts } from '../shared/adoption/conform-run.ts';
import { shortId } from '../shared/core/digest.ts';
import type { Chance } from '../shared/ports/clock.ts';
import { isPortError } from '../shared/ports/port-error.ts';
import type { FoundThing } from '../shared/ports/throwaways.ts';
import { createCloudRunServices } from '../shared/providers/cloud-run-services.ts';
import { createCloudSqlDatabases } from '../shared/providers/cloud-sql-databases.ts';
import type { GoogleAccess } from '../shared/providers/google-call.ts';
import { createGoogleThrowaways } from '../shared/providers/google-throwaways.ts';
import { createSystemChance } from '../shared/providers/system-chance.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import type { Ending } from './config.ts';
import { commandsFor, planAsJson, showPlan, showThings, showVerdicts } from './conform-show.ts';
import { accessOf } from './operator.ts';
import { type Facts, Refusal, runningFacts } from './sandbox-facts.ts';

// `./dr conform`: proves what we assume of the cloud on things that nobody depends on. Without `--yes` it changes nothing.

/** What is asked for. */
export interface ConformOptions {
  readonly config: string;
  readonly json: boolean;
  /** Makes and deletes; without it is only said what would be. */
  readonly yes: boolean;
  /** Deletes what earlier runs left behind, and proves nothing. */
  readonly clean: boolean;
  /** These assumptions alone. */
  readonly only?: readonly string[] | undefined;
}

/** From whom a run has its id, who ends it, and who hears what it does. */
export interface ConformSetting {
  readonly chance: Pick<Chance, 'uuid'>;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

/** The name of an assumption. */
export type AssumptionName = keyof typeof ASSUMPTIONS;

/** An assumption with what is known of it now. */
export interface Judged {
  readonly id: AssumptionName;
  readonly verdict: Verdict;
}

/** `conformCommand` by the sandbox that runs in a folder, or by the project where none does. Ctrl-C ends the experiments, and then deletes. */
export async function conformHere(options: ConformOptions & { readonly directory: string }): Promise<Ending> {
  const abort = new AbortController();
  const end = (): void => {
    tell('ending: deleting what was made. Ctrl-C again leaves it there, for ./dr conform --clean --yes');
    abort.abort();
  };
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    const setting = { chance: createSystemChance(), signal: abort.signal, tell };
    return await conformCommand(await runningFacts(options.directory), options, setting);
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
  }
}

/**
 * 0: everything that was asked for holds, or nothing was to be done; 1: something does not hold; 2: wrong usage; 3: a name is taken; 4:
 * something is not proved, or not deleted; 130: somebody ended it.
 */
export async function conformCommand(
  facts: Facts | undefined,
  options: ConformOptions,
  setting: ConformSetting,
): Promise<Ending> {
  const path = facts?.config ?? options.config;
  await readFile(path).catch(() => {
    throw new Refusal(2, `there is no file ${path}: name another with --config, or write one with ./dr init`);
  });
  const system = loadSystem(path);
  const named = namesOf(system);
  const asked = askedFor(options.only);
  const { access, clock } = accessOf(facts, system);
  const throwaways = createGoogleThrowaways(access, regionsOf(system));
  const databases = createCloudSqlDatabases(access);
  const cleaning = { throwaways, databases, clock, tell: setting.tell };
  const there = await reached(throwaways.found());
  const leftBehind = ofRun(there, named, undefined);
  if (options.clean) return await cleanUp(cleaning, { named, leftBehind, project: access.project }, options);

  const running = await reached(databases.fleet());
  const version = running.find(({ instance }) => instance === system.databases[0]?.instance)?.databaseVersion;
  const run = shortId(setting.chance.uuid(), 8);
  const plan = planConform(run, asked.filter(isProvable), placeOf(system, version));
  refuseTaken(plan, there);
  if (!options.yes) {
    const stdout = options.json
      ? planAsJson(plan, asked, leftBehind)
      : showPlan(plan, asked, leftBehind, access.project);
    return { exitCode: 0, stdout, stderr: '' };
  }
  const services = servicesOf(access, plan);
  const ports: ConformPorts = { throwaways, databases, services, clock, signal: setting.signal, tell: setting.tell };
  const { conformed, left } = await proved(plan, ports, named, access.project);
  const judged = asked.map((id): Judged => ({ id, verdict: judge(id, conformed) }));
  const stdout = showVerdicts({ judged, left, plan, project: access.project, json: options.json });
  return { exitCode: setting.signal.aborted ? 130 : exitCodeOf(judged, left), stdout, stderr: '' };
}

/** The experiments, and then, whatever came of them, everything of this run is deleted. */
async function proved(
  plan: ConformPlan,
  ports: ConformPorts,
  named: ReadonlySet<string>,
  project: string,
): Promise<{ readonly conformed: Conformed; readonly left: Left }> {
  const isMade = plan.instances.length > 0 || plan.service !== undefined;
  const cleaned = async (mayArriveLate: boolean): Promise<Left> =>
    isMade ? await clean(ports, { named, run: plan.run, mayArriveLate }) : { kind: 'known', things: [] };
  let conformed: Conformed;
  try {
    conformed = await conform(plan, ports);
  } catch (bug) {
    const left = await cleaned(true);
    if (left.kind === 'unknown' || left.things.length > 0) ports.tell(commandsFor(left, plan, project));
    throw bug;
  }
  return { conformed, left: await cleaned(conformed.mayArriveLate) };
}

/** Every assumption is proved by an experiment or says why not: one that is added without either is no program. */
const WAYS: Readonly<Record<AssumptionName, unknown>> = { ...EXPERIMENTS, ...NOT_PROVABLE };

const isAssumption = (id: string): id is AssumptionName => Object.hasOwn(WAYS, id);
const isProvable = (id: AssumptionName): id is AssumptionName & Provable => Object.hasOwn(EXPERIMENTS, id);

function judge(id: AssumptionName, { seen, trouble }: Conformed): Verdict {
  if (!isProvable(id)) return { kind: 'notProved', because: NOT_PROVABLE[id] };
  const onService = EXPERIMENTS[id].needs.includes('service');
  return verdictOf(id, seen, onService ? trouble.service : trouble.database);
}

/** In the order of the experiments, then those that have none. */
function askedFor(only: readonly string[] | undefined): readonly AssumptionName[] {
  const all = Object.keys(WAYS).filter(isAssumption);
  if (only === undefined) return all;
  const strange = only.find((id) => !isAssumption(id));
  if (strange !== undefined) throw new Refusal(2, `${strange} is no assumption: they are ${all.join(', ')}`);
  return all.filter((id) => only.includes(id));
}

/** Nothing is made beside something of the same name, whosever it is. */
function refuseTaken({ instances, service }: ConformPlan, there: readonly FoundThing[]): void {
  const names = [...instances.map(({ name }) => `instance ${name}`), ...(service ? [`service ${service.name}`] : [])];
  const taken = there.find(({ kind, name }) => names.includes(`${kind} ${name}`));
  if (taken !== undefined) throw new Refusal(3, `there is a ${taken.kind} ${taken.name} already: begin again`);
}

const servicesOf = (access: GoogleAccess, { service }: ConformPlan) =>
  createCloudRunServices(
    access,
    service === undefined ? [] : [{ id: service.name, service: service.name, region: service.region }],
  );

async function cleanUp(
  ports: CleanPorts,
  { named, leftBehind, project }: { named: ReadonlySet<string>; leftBehind: readonly FoundThing[]; project: string },
  { yes, json }: Pick<ConformOptions, 'yes' | 'json'>,
): Promise<Ending> {
  const left: Left = yes
    ? await clean(ports, { named, run: undefined, mayArriveLate: false })
    : { kind: 'known', things: leftBehind };
  const isClean = left.kind === 'known' && left.things.length === 0;
  return {
    exitCode: isClean || !yes ? 0 : 4,
    stdout: showThings({ leftBehind, left, yes, json, project }),
    stderr: '',
  };
}

async function reached<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!isPortError(error)) throw error;
    throw new Refusal(4, `${error.message}: nothing was made`);
  }
}

function exitCodeOf(judged: readonly Judged[], left: Left): number {
  if (judged.some(({ verdict }) => verdict.kind === 'doesNotHold')) return 1;
  const isGone = left.kind === 'known' && left.things.length === 0;
  // Those that no run can prove are said, and are nobody's failure unless they are all that was asked for.
  const isProved = judged.every(({ id, verdict }) => verdict.kind === 'holds' || !isProvable(id));
  return isGone && isProved && judged.some(({ id }) => isProvable(id)) ? 0 : 4;
}
