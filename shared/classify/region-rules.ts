import { showDuration } from '../core/time.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import type { TargetId } from '../system/names.ts';
import { entrancesInto, regionOf, regionTarget, returnIn, returnTarget } from '../system/regions.ts';
import { applicationOf } from '../system/topology.ts';
import { chooseReplica } from './choose-replica.ts';
import type { Evidence } from './evidence.ts';
import { type Facts, isReadable } from './facts.ts';
import type { RegionEvidence } from './region.ts';
import { hostOf } from './topology-now.ts';
import { type Match, nextLook, observerReasons, type Rule, waitOrPerson } from './rule.ts';

// A region that is lost with everything in it. These rules are asked before those of databases and clusters: what they would find is
// a part of it, and a plan that led users into the same region, or stopped for its consumers, would help nobody.

/** The first region for which a rule matches, in the order of the file. */
function forRegion(match: (region: RegionEvidence, evidence: Evidence) => Match | undefined): Rule['when'] {
  return (evidence) => {
    for (const region of evidence.regions) {
      const found = match(region, evidence);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

function about(
  { standby, database }: RegionEvidence,
  match: Pick<Match, 'confidence' | 'outcome' | 'text' | 'wouldChangeMind'>,
  subject: Readonly<Record<string, string>> = {},
): Match {
  return {
    ...match,
    target: regionTarget(standby.region),
    subject: { region: standby.region, secondary: standby.secondary, instance: database.facts.primaryName, ...subject },
    reasons: observerReasons(database),
    failedSince: database.failedSince,
  };
}

const regionDark: Rule = {
  scenario: 'region-failure',
  code: 'regionDark',
  describe:
    'Nothing in a region answers, and observers outside of it say so: lead everything to its secondary, by people alone.',
  when: forRegion((region, evidence) => {
    if (region.standing !== 'dark') return undefined;
    const { standby, isSteady, steadyFor, text } = region;
    if (!isSteady)
      return about(region, {
        confidence: 'likely',
        outcome: nextLook(evidence),
        text: `${text}, so far for ${showDuration(steadyFor)} of ${showDuration(evidence.window)}`,
        wouldChangeMind: [`anything in ${standby.region} answers`],
      });
    const choice = whereTo(region, evidence);
    const isPossible = typeof choice !== 'string';
    return about(
      region,
      {
        confidence: 'confirmed',
        outcome: isPossible ? { kind: 'act', runbook: 'region-failover' } : { kind: 'person' },
        text: isPossible
          ? `${text}, for ${showDuration(steadyFor)}; ${choice.replica} in ${standby.secondary} can take its place`
          : `${text}; ${choice}`,
        wouldChangeMind: [
          `anything in ${standby.region} answers`,
          'the primary takes a write',
          `a replica receives from ${region.database.facts.primaryName}`,
        ],
      },
      isPossible ? choice : {},
    );
  }),
};

/** The replica that everything goes on with, or why it can't. */
function whereTo(
  { standby, facts, database }: RegionEvidence,
  { facts: look, inquiry }: Evidence,
): { readonly replica: string } | string {
  const { primary, operations, primaryName } = database.facts;
  if (!isReadable(primary) || !isReadable(operations))
    return `the management API does not tell what is going on with ${primaryName}, so nothing is promoted`;
  const choice = chooseReplica(database.facts, standby.secondary);
  if ('unfit' in choice) return `no replica in ${standby.secondary} is fit for promotion: ${choice.unfit.join('; ')}`;
  const { service } = facts.standby;
  if (service === undefined || !isReadable(service)) return `the service of ${standby.application} can’t be read`;
  if (service.scaling.kind !== 'automatic')
    return `${standby.application} is held at ${service.scaling.instances} instances`;
  const ways = entrancesInto(inquiry.system, standby).map(({ id }) =>
    look.entrances?.find(({ entrance }) => entrance === id),
  );
  const statuses = ways.map((way) => way?.status);
  if (statuses.some((status) => status === undefined || !isReadable(status))) return 'an entrance can not be read';
  const led = statuses.flatMap((status) => (status !== undefined && isReadable(status) ? [status.leadsTo] : []));
  const isLed = (id: string | undefined): boolean => {
    const application = id === undefined ? undefined : applicationOf(inquiry.system, id);
    return application !== undefined && (regionOf(application) === standby.region || id === standby.application);
  };
  return led.some(isLed) ? { replica: choice.instance } : `no entrance leads to ${standby.region} any more`;
}

const oldPrimaryAtLarge: Rule = {
  scenario: 'region-return',
  code: 'oldPrimaryAtLarge',
  describe:
    'A region is elsewhere and nobody has stopped its old primary: it may take writes when it returns, so it is waited for and stopped.',
  when: (evidence) => {
    const { state } = evidence.inquiry;
    const region = returnIn(state.target as TargetId); // a target's id is what an incident is about
    if (region === undefined) return undefined;
    const seen = evidence.facts.regions?.find((known) => known.region === region);
    const is = (
      match: Pick<Match, 'confidence' | 'outcome' | 'text' | 'wouldChangeMind'>,
      instance?: string,
    ): Match => ({
      ...match,
      target: returnTarget(region),
      subject: { region, ...(instance === undefined ? {} : { instance }) },
      reasons: [],
      failedSince: state.firstSignalAt,
    });
    const nothing = (text: string): Match =>
      is({ confidence: 'confirmed', outcome: { kind: 'nothing' }, text, wouldChangeMind: ['another failover'] });
    const unknown = (text: string): Match =>
      is({ confidence: 'unknown', outcome: waitOrPerson(evidence), text, wouldChangeMind: ['it can be read'] });
    if (seen === undefined) return unknown(`nobody has looked at ${region}`);
    const { record } = seen;
    if (record === undefined) return nothing(`nothing of ${region} is elsewhere`);
    if (!isReadable(record)) return unknown(`what was written down of ${region} can’t be read (${record.unreadable})`);
    const all = statusesOf(evidence.facts);
    const former = all.find(({ instance }) => instance === record.former);
    const promoted = all.find(({ instance }) => instance === record.promoted);
    if (former === undefined || promoted === undefined)
      return unknown(`the management API does not describe ${record.former} and ${record.promoted}`);
    if (promoted.role !== 'primary') return nothing(`${record.promoted} was not promoted`);
    // After the way back it is the one that is stopped, and what is in the region is the primary.
    if (promoted.activation === 'never')
      return nothing(`${record.promoted} is stopped, and not in the place of another`);
    if (former.role !== 'primary') return nothing(`${record.former} follows ${former.upstream ?? 'somebody'} now`);
    const left = staleIn(region, promoted, evidence);
    if (former.activation === 'never' && left.length === 0) return nothing(`${record.former} is stopped`);
    if (former.activation === 'never')
      return is(
        {
          confidence: 'confirmed',
          outcome: { kind: 'act', runbook: 'region-return' },
          text: `${record.former} is stopped, and ${left.join(', ')} in ${region} still want it`,
          wouldChangeMind: ['they are restarted'],
        },
        record.former,
      );
    return is(
      {
        confidence: 'confirmed',
        outcome: { kind: 'act', runbook: 'region-return' },
        text: `${record.promoted} has taken the place of ${record.former}, which nobody has stopped: when ${region} returns, both may take writes`,
        wouldChangeMind: [`somebody stops ${record.former}`, `${record.former} is deleted`],
      },
      record.former,
    );
  },
};

/** Applications of a region that say that they are on another database than the one that took its place. */
function staleIn(region: string, { address }: InstanceStatus, { facts, inquiry }: Evidence): readonly string[] {
  return facts.applications.flatMap(({ application: id, health }) => {
    const application = applicationOf(inquiry.system, id);
    const isThere = application !== undefined && regionOf(application) === region;
    const on = health.database === undefined ? '' : hostOf(health.database.address);
    return isThere && on !== '' && on !== address ? [id] : [];
  });
}

/** Every instance that a look found, as the management API describes it. */
export const statusesOf = ({ databases }: Facts): readonly InstanceStatus[] =>
  databases.flatMap(({ primary, replicas }) => [...(isReadable(primary) ? [primary] : []), ...replicas]);

/** In the order in which they are asked. */
export const REGION_RULES: readonly Rule[] = [oldPrimaryAtLarge, regionDark];
