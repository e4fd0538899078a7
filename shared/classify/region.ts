import { between, type Instant, millis, type Millis } from '../core/time.ts';
import type { Contact } from '../ports/data-plane.ts';
import { entrancesInto, regionOf, standbyOf, targetsIn } from '../system/regions.ts';
import type { RegionStandby, System } from '../system/system.ts';
import { applicationOf } from '../system/topology.ts';
import { uptimeVerdict } from './cluster.ts';
import type { DatabaseEvidence } from './evidence.ts';
import { type ApplicationFacts, type DatabaseFacts, type Facts, isReadable, type RegionFacts } from './facts.ts';

// Whether a whole region is lost, look by look (runbook 5.1; failover-rules 3: the most expensive thing to be wrong about).
//
// L1. Everything in it is silent: every database server, every application, every control plane. One answer, even a refusal, and it
//     is not lost: then it is a failure of what does not answer.
// L2. Silence alone says nothing, since it may be ours: two observers outside of the region must say so positively. Google's uptime
//     checks, from several places, that its users are turned away; and the replica in the secondary, that nothing comes from there any more.
// L3. We ourselves must be heard: somebody outside of the region answers us at the same time.

/** What one look says of a region. */
export type RegionStanding = 'dark' | 'alive' | 'unclear';

/** A region over all looks. */
export interface RegionEvidence {
  readonly standby: RegionStandby;
  readonly facts: RegionFacts;
  /** The database whose primary is there. */
  readonly database: DatabaseEvidence;
  readonly standing: RegionStanding;
  /** How long every look has said so. */
  readonly steadyFor: Millis;
  readonly isSteady: boolean;
  readonly text: string;
}

/** Judges every look. `undefined` while the present one holds nothing of the region, or its primary is elsewhere. */
export function regionEvidence(
  facts: RegionFacts,
  rounds: readonly Facts[],
  databases: readonly DatabaseEvidence[],
  { system, since, window }: { readonly system: System; readonly since: Instant; readonly window: Millis },
): RegionEvidence | undefined {
  const standby = standbyOf(system, facts.region);
  const database = databases.find((known) => isThere(known.facts, facts.region));
  if (standby === undefined || database === undefined) return undefined;
  const looks = rounds.map((round) => ({
    at: round.at,
    ...standingOf(round, { standby, database, system, since }),
  }));
  const newest = looks.at(-1);
  if (newest === undefined) return undefined;
  let first = newest;
  for (const look of looks.toReversed()) {
    // Looks further apart than one and a half windows don't count together, as everywhere.
    if (look.standing !== newest.standing || between(look.at, first.at) > window * 1.5) break;
    first = look;
  }
  const steadyFor = millis(between(first.at, newest.at));
  const { standing, text } = newest;
  return { standby, facts, database, standing, steadyFor, isSteady: steadyFor >= window, text };
}

const isThere = ({ primary, database }: DatabaseFacts, region: string): boolean =>
  isReadable(primary) ? primary.region === region : database.region === region;

interface Judged {
  readonly standby: RegionStandby;
  readonly database: DatabaseEvidence;
  readonly system: System;
  readonly since: Instant;
}

function standingOf(
  round: Facts,
  { standby, database, system, since }: Judged,
): { readonly standing: RegionStanding; readonly text: string } {
  const { region } = standby;
  const known = round.databases.find((seen) => seen.database.instance === database.facts.database.instance);
  const seen = round.regions?.find((facts) => facts.region === region);
  if (known === undefined || seen === undefined || !isThere(known, region))
    return { standing: 'unclear', text: `not everything of ${region} was looked at` };
  const inside = targetsIn(system, region).flatMap((ref) =>
    ref.kind === 'application' ? [round.applications.find(({ application }) => application === ref.id)] : [],
  );
  if (inside.some((facts) => facts === undefined))
    return { standing: 'unclear', text: `not everything of ${region} was looked at` };
  const answers = [...fromDatabase(known, seen, region), ...inside.flatMap((facts) => fromApplication(facts))];
  const [answer] = answers;
  if (answer !== undefined) return { standing: 'alive', text: `${region} is not lost: ${answer}` };
  if (known.contact.control !== 'ok')
    return { standing: 'unclear', text: `nobody in ${region} answers, and nobody outside of it either: it may be us` };
  const witnesses = [fromUptime(round, standby, system, since), fromReplicas(round.at, database)];
  const positive = witnesses.flatMap(({ failed, text }) => (failed ? [text] : []));
  const silence = `nothing in ${region} answers: ${[known.primaryName, ...inside.flatMap((facts) => facts?.application ?? [])].join(', ')}`;
  if (positive.length === witnesses.length) return { standing: 'dark', text: [silence, ...positive].join('; ') };
  const doubt = witnesses.flatMap(({ failed, text }) => (failed ? [] : [text])).join('; ');
  return { standing: 'unclear', text: `${silence}, but ${doubt}` };
}

/** Who of a database answers from inside the region (L1). A host that says that nobody listens is there. */
function fromDatabase(known: DatabaseFacts, { contact }: RegionFacts, region: string): readonly string[] {
  const met = (whose: string, { outcome }: Contact): readonly string[] =>
    outcome.kind === 'unknown' ? [] : [`${known.primaryName} answers ${whose} (${outcome.kind})`];
  const inside = new Set(known.replicas.flatMap((replica) => (replica.region === region ? [replica.instance] : [])));
  return [
    ...met('us', known.contact),
    ...(contact === undefined ? [] : met('the secondary', contact)),
    ...known.replication.flatMap(({ instance, status }) =>
      inside.has(instance) && status !== undefined ? [`${instance} answers`] : [],
    ),
  ];
}

/** A load balancer that has nobody to ask is no answer of the application; a control plane's is one of the region. */
function fromApplication(facts: ApplicationFacts | undefined): readonly string[] {
  if (facts === undefined) return [];
  const { application, health, workload } = facts;
  return [
    ...(health.kind === 'silent' ? [] : [`${application} answers (${health.detail})`]),
    ...(workload !== undefined && isReadable(workload) ? [`the control plane of ${application} answers`] : []),
  ];
}

/** What an observer outside of the region says (L2). */
interface Witness {
  readonly failed: boolean;
  readonly text: string;
}

/** Of whoever in the region an entrance leads to now: a cluster's users may have been led to its standby there. */
function fromUptime(round: Facts, standby: RegionStandby, system: System, since: Instant): Witness {
  const led = new Set(entrancesInto(system, standby).map(({ id }) => id));
  const verdicts = (round.entrances ?? []).flatMap((facts) => {
    const leadsTo = isReadable(facts.status) ? facts.status.leadsTo : undefined;
    const application = leadsTo === undefined ? undefined : applicationOf(system, leadsTo);
    if (!led.has(facts.entrance) || application === undefined || regionOf(application) !== standby.region) return [];
    return [uptimeVerdict(application.id, [{ facts, leadsTo }], { at: round.at, since })];
  });
  const failed = verdicts.some(({ says }) => says === 'failed') && verdicts.every(({ says }) => says !== 'serving');
  return { failed, text: verdicts.map(({ text }) => text).join('; ') || 'no uptime check speaks for it' };
}

/** Its own word on what it receives, from the look of that moment. */
function fromReplicas(at: Instant, { looks }: DatabaseEvidence): Witness {
  const verdict = looks.find((look) => look.at === at)?.verdicts.replicas;
  return { failed: verdict?.says === 'failed', text: verdict?.text ?? 'no replica outside of it was asked' };
}
