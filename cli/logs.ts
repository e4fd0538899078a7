import { redact } from '../shared/core/redact.ts';
import { after, type Millis, parseDuration, showDuration, toIso } from '../shared/core/time.ts';
import { logFilterOf } from '../shared/ports/log-archive.ts';
import type { LogEntry } from '../shared/ports/lookout.ts';
import type { Application, CloudRunApplication, GkeApplication, System } from '../shared/system/system.ts';
import { applicationOf } from '../shared/system/topology.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import type { Ending } from './config.ts';
import { isUnknown, known, type Operator, operatorOf } from './operator.ts';
import { type Facts, Refusal } from './sandbox-facts.ts';

// `./dr logs APPLICATION`: what the runbook's `kubectl logs -f` and `gcloud logging read` are for, with an end: bounded in time and
// in lines, and redacted before anything is shown.
//
// A Deployment's lines come from its pods. Where the cluster does not answer, or the pod is gone, Cloud Logging is asked, which
// GKE sends them to; a Cloud Run service's are only there.

/** What is asked for. */
export interface LogsRequest {
  readonly application: string;
  /** How far back: `10m`, `2h`. */
  readonly since: string;
  /** Lines at the most, of each pod or of the service. */
  readonly limit: number;
  /** One pod instead of all. */
  readonly pod: string | undefined;
  /** The container's run before the present one. */
  readonly previous: boolean;
}

/** Lines at the most that may be asked for: what Cloud Logging gives in one page. */
const LIMIT_MAX = 1_000;

/** How far back may be asked for. */
const SINCE_MAX = '30d';

/** The lines of one pod, or of one service. */
interface Source {
  /** Where they were read. */
  readonly from: 'pod' | 'Cloud Logging';
  readonly of: string;
  readonly lines: readonly string[];
  /** Why there are none, or why they do not come from where they should. */
  readonly note?: string;
}

/** Shows the newest lines. Ends with 4 when some could not be read, 2 when it is asked for what there can't be. */
export async function logsCommand(
  facts: Facts,
  request: LogsRequest,
  { json }: { readonly json: boolean },
): Promise<Ending> {
  const system = loadSystem(facts.config);
  const application = applicationOf(system, request.application);
  if (application === undefined)
    throw new Refusal(
      2,
      `dr.yaml has no application ${request.application}; it has ${system.applications.map(({ id }) => id).join(', ')}`,
    );
  const since = sinceOf(request.since);
  if (request.limit < 1 || request.limit > LIMIT_MAX) throw new Refusal(2, `--limit goes from 1 to ${LIMIT_MAX}`);
  if (application.kind === 'cloudRun' && (request.previous || request.pod !== undefined))
    throw new Refusal(2, `${application.id} is a Cloud Run service: it has no pods and no containers before`);
  const { sources, failed } = await read(system, application, { ...request, since }, operatorOf(facts, system));
  const answer = { application: application.id, since: request.since, sources, unknown: failed ?? null };
  return {
    exitCode: failed === undefined ? 0 : 4,
    stdout: json ? `${JSON.stringify(answer)}\n` : sources.map(show).join(''),
    stderr: failed === undefined ? '' : `dr: ${failed}\n`,
  };
}

function sinceOf(text: string): Millis {
  const since = parseDuration(text);
  const most = parseDuration(SINCE_MAX);
  if (since === undefined || since === 0 || (most !== undefined && since > most))
    throw new Refusal(2, `--since is a length of time such as 10m or 2h, ${SINCE_MAX} at the most`);
  return since;
}

function show({ from, of, lines, note }: Source): string {
  const head = `== ${of} (${from}${note === undefined ? '' : `; ${note}`})`;
  return `${[head, ...(lines.length === 0 ? ['no lines'] : lines.map(printable))].join('\n')}\n`;
}

/** Whoever can make an application log something must not be able to command the terminal of who reads it. */
const printable = (line: string): string => line.replace(/[^\P{Cc}\t]/gu, '\u00b7');

interface Wanted {
  readonly since: Millis;
  readonly limit: number;
  readonly pod: string | undefined;
  readonly previous: boolean;
}

interface Found {
  readonly sources: readonly Source[];
  /** What could not be read at all. */
  readonly failed?: string;
}

async function read(system: System, application: Application, wanted: Wanted, operator: Operator): Promise<Found> {
  return application.kind === 'gke'
    ? await ofWorkload(system, application, wanted, operator)
    : await ofService(system, application, wanted, operator);
}

async function ofWorkload(
  system: System,
  application: GkeApplication,
  wanted: Wanted,
  operator: Operator,
): Promise<Found> {
  const { workloads } = operator.world;
  const { id } = application;
  const { since, limit: lines, pod, previous } = wanted;
  const pods = pod === undefined ? await known(workloads.pods(id)) : [{ name: pod }];
  if (isUnknown(pods)) return await instead(system, application, wanted, operator, `the cluster: ${pods.unknown}`);
  const found = await Promise.all(
    pods.map(async ({ name }) => ({ name, text: await known(workloads.podLog(id, name, { previous, lines, since })) })),
  );
  const unread = found.find(({ text }) => isUnknown(text));
  if (unread !== undefined && isUnknown(unread.text))
    return await instead(system, application, wanted, operator, `the cluster: ${unread.text.unknown}`);
  if (pod !== undefined && found.every(({ text }) => text === undefined) && !previous)
    return await instead(system, application, wanted, operator, 'there is no such pod, or it has not started');
  const sources = found.map(({ name, text }): Source => {
    const source = { from: 'pod', of: name } as const;
    if (typeof text !== 'string')
      return { ...source, lines: [], note: previous ? 'no container before' : 'not started' };
    return { ...source, lines: linesOf(text) };
  });
  return { sources };
}

/** Redacted as a whole: a key in PEM goes over several lines. */
const linesOf = (text: string): readonly string[] =>
  redact(text)
    .split('\n')
    .filter((line) => line !== '');

/** The same lines from Cloud Logging. It keeps them by pod, and tells no run of a container from another. */
async function instead(
  system: System,
  application: GkeApplication,
  { since, limit, pod }: Wanted,
  { lookout, clock }: Operator,
  note: string,
): Promise<Found> {
  const { deployment } = application;
  if (pod !== undefined) checkName(pod);
  const filter = logFilterOf(system.project, application, pod);
  const entries = await known(lookout.logs(filter, after(clock.now(), -since), limit));
  if (isUnknown(entries))
    return { sources: [], failed: `neither can be read: ${note}; Cloud Logging: ${entries.unknown}` };
  return { sources: [{ from: 'Cloud Logging', of: pod ?? deployment, lines: entries.map(lineOf), note }] };
}

/** A name goes into a filter only if it is one. */
function checkName(pod: string): void {
  if (!/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(pod)) throw new Refusal(2, `${pod} is no name of a pod`);
}

async function ofService(
  system: System,
  application: CloudRunApplication,
  { since, limit }: Wanted,
  { lookout, clock }: Operator,
): Promise<Found> {
  const { service } = application;
  const filter = logFilterOf(system.project, application);
  const entries = await known(lookout.logs(filter, after(clock.now(), -since), limit));
  if (isUnknown(entries)) return { sources: [], failed: `Cloud Logging can't be read: ${entries.unknown}` };
  const note = entries.length < limit ? undefined : `the newest ${limit} of the last ${showDuration(since)}`;
  return {
    sources: [
      { from: 'Cloud Logging', of: service, lines: entries.map(lineOf), ...(note === undefined ? {} : { note }) },
    ],
  };
}

const lineOf = ({ at, severity, source, text }: LogEntry): string =>
  `${toIso(at)} ${severity} ${source} ${redact(text)}`;
