import { between, millis, seconds, showDuration } from '../core/time.ts';
import type { ReplicationStatus } from '../ports/data-plane.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import type { InstanceName } from '../system/names.ts';
import { type DatabaseFacts, isReadable } from './facts.ts';

/** The replica to promote, or why none is fit, a sentence for each. */
export type ReplicaChoice =
  | {
      readonly instance: InstanceName;
      readonly status: InstanceStatus;
      readonly replication: ReplicationStatus;
      /** What an approver should know: that it stands in another region, which others are unfit, and why. */
      readonly remarks: readonly string[];
    }
  | { readonly unfit: readonly string[] };

/** Heartbeats closer than this are the same position: then the primary's own region comes first. */
const TIE = seconds(1);

interface Candidate {
  readonly status: InstanceStatus;
  readonly replication: ReplicationStatus;
}

/**
 * The most advanced replica that is fit to be the primary: listed in `dr.yaml`, following the primary as it is now, running,
 * readable, of the same version and not smaller. Unknown is unfit. Roles are those of the look, never those of the file. `only`: in that
 * region, where the primary's own is lost.
 */
export function chooseReplica(facts: DatabaseFacts, only?: string): ReplicaChoice {
  const listed = facts.database.replicas.map(({ instance }) => instance);
  const judged = [...new Set([...listed, ...facts.replicas.map(({ instance }) => instance)])]
    .filter((instance) => instance !== facts.primaryName)
    .map((instance) => ({ instance, verdict: placed(fitness(instance, facts), only) }));
  const unfit = judged.flatMap(({ instance, verdict }) =>
    typeof verdict === 'string' ? [`${instance} ${verdict}`] : [],
  );
  const candidates = judged.flatMap(({ verdict }) => (typeof verdict === 'string' ? [] : [verdict]));
  const best = mostAdvanced(candidates, facts.database.region);
  if (best === undefined) return { unfit: unfit.length > 0 ? unfit : ['dr.yaml lists no replica'] };
  const { status, replication } = best;
  const abroad =
    status.region === facts.database.region
      ? []
      : [`${status.instance} stands in ${status.region}, not in ${facts.database.region}`];
  const behind = candidates
    .filter((candidate) => candidate !== best)
    .flatMap((candidate) => remarkOn(candidate, replication));
  return { instance: status.instance, status, replication, remarks: [...abroad, ...behind, ...unfit] };
}

/** Elsewhere than where everything goes on it would help nobody. */
function placed(verdict: Candidate | string, only: string | undefined): Candidate | string {
  if (typeof verdict === 'string' || only === undefined || verdict.status.region === only) return verdict;
  return `stands in ${verdict.status.region}, not in ${only}`;
}

/** What it takes to be promoted, or why it can't be, as the end of a sentence. */
function fitness(instance: InstanceName, facts: DatabaseFacts): Candidate | string {
  const status = facts.replicas.find((replica) => replica.instance === instance);
  const replication = facts.replication.find((word) => word.instance === instance)?.status;
  const { replicas, spares, instance: own } = facts.database;
  // The file's primary may follow another one by now.
  if (instance !== own && ![...replicas, ...spares].some((listed) => listed.instance === instance))
    return 'is not listed in dr.yaml';
  if (status === undefined) return 'is not described by the management API';
  if (status.role === 'primary') return 'is a primary itself';
  if (status.upstream !== facts.primaryName) return `follows ${status.upstream ?? 'nobody'}, not ${facts.primaryName}`;
  if (status.state !== 'runnable') return `is ${status.state}`;
  if (status.activation !== 'always') return 'is stopped';
  if (!isReadable(facts.primary)) return `can't be compared: the primary can't be read (${facts.primary.unreadable})`;
  if (status.databaseVersion !== facts.primary.databaseVersion) {
    return `is ${status.databaseVersion}, the primary ${facts.primary.databaseVersion}`;
  }
  if (!isTierEnough(status.tier, facts.primary.tier)) {
    return `is a ${status.tier}, smaller than the primary's ${facts.primary.tier}`;
  }
  if (replication === undefined) return 'could not be asked about its replication';
  if (replication.role === 'primary') return 'says that it is a primary itself';
  return { status, replication };
}

/** By heartbeat, then region, then position in the log, then name. One without a heartbeat comes last: its loss is unknown. */
function mostAdvanced(candidates: readonly Candidate[], region: string): Candidate | undefined {
  const newest = Math.max(...candidates.map(heartbeatMs));
  const near = candidates.filter(
    (candidate) => heartbeatMs(candidate) === newest || newest - heartbeatMs(candidate) <= TIE,
  );
  return near.toSorted(
    (a, b) =>
      Number(b.status.region === region) - Number(a.status.region === region) ||
      b.replication.position - a.replication.position ||
      (a.status.instance < b.status.instance ? -1 : 1),
  )[0];
}

const heartbeatMs = ({ replication }: Candidate): number => replication.heartbeat?.at ?? Number.NEGATIVE_INFINITY;

function remarkOn({ status, replication }: Candidate, best: ReplicationStatus): readonly string[] {
  if (best.heartbeat === undefined) return [];
  if (replication.heartbeat === undefined) return [`${status.instance} shows no heartbeat`];
  const behind = between(replication.heartbeat.at, best.heartbeat.at);
  return behind > TIE ? [`${status.instance} is ${showDuration(millis(behind))} behind`] : [];
}

/** Whether a machine type is at least as big as another. Only custom types say their size; others must be the same. */
function isTierEnough(tier: string, needed: string): boolean {
  if (tier === needed) return true;
  const [has, wants] = [sizeOf(tier), sizeOf(needed)];
  return has !== undefined && wants !== undefined && has.cpus >= wants.cpus && has.memory >= wants.memory;
}

/** `db-custom-4-16384`: processors and MiB. */
function sizeOf(tier: string): { readonly cpus: number; readonly memory: number } | undefined {
  const match = /^db-custom-(\d+)-(\d+)$/.exec(tier);
  return match === null ? undefined : { cpus: Number(match[1]), memory: Number(match[2]) };
}
