import type { GkeApplication } from '../system/system.ts';
import { applicationOf } from '../system/topology.ts';
import { about, forApplication } from './application-rules.ts';
import type { ClusterEvidence } from './cluster.ts';
import type { ApplicationEvidence, Evidence } from './evidence.ts';
import { isReadable } from './facts.ts';
import { type Match, nextLook, type Rule, waitOrPerson } from './rule.ts';

// A cluster that no longer serves an application, whose users a standby can take; and the way back. What a database causes never
// comes here: forApplication leaves out applications whose dependencies are ill.

interface Clustered {
  readonly home: GkeApplication;
  readonly standby: string;
  readonly cluster: ClusterEvidence;
}

/** An application on GKE that has a standby. */
function forClustered(
  match: (clustered: Clustered, application: ApplicationEvidence, evidence: Evidence) => Match | undefined,
): Rule['when'] {
  return forApplication((found, evidence) => {
    const { application, cluster } = found;
    if (application.kind !== 'gke' || application.standby === undefined || cluster === undefined) return undefined;
    return match({ home: application, standby: application.standby.application, cluster }, found, evidence);
  });
}

const leadsElsewhere = ({ cluster, standby }: Clustered): boolean =>
  cluster.entrances.some(({ leadsTo }) => leadsTo === standby);

const homeIsWell: Rule = {
  scenario: 'running-on-standby',
  code: 'homeIsWellAgain',
  describe:
    'Users are served by the standby, and the cluster has been well for the confirmation window: offer the way back.',
  when: forClustered((clustered, application, evidence) => {
    const { home, standby, cluster } = clustered;
    if (!application.isTarget || cluster.standing !== 'well' || !leadsElsewhere(clustered)) return undefined;
    return about(application, evidence, {
      confidence: cluster.isSteady ? 'confirmed' : 'likely',
      outcome: cluster.isSteady ? { kind: 'act', runbook: 'cluster-failback' } : nextLook(evidence),
      text: `${home.id} is well again, and its users are served by ${standby}`,
      wouldChangeMind: [`${home.id} falls ill again`, 'somebody leads its users back'],
    });
  }),
};

const homeIsIll: Rule = {
  scenario: 'running-on-standby',
  code: 'homeIsNotWell',
  describe:
    'Users are served by the standby while the cluster is not well: people mend it; the way back is offered afterwards.',
  when: forClustered((clustered, application, evidence) => {
    const { home, standby, cluster } = clustered;
    if (!application.isTarget || cluster.standing === 'well' || !leadsElsewhere(clustered)) return undefined;
    return about(application, evidence, {
      confidence: cluster.isSteady ? 'confirmed' : 'likely',
      outcome: cluster.isSteady ? { kind: 'person' } : nextLook(evidence),
      text: `${home.id} is not well, and its users are served by ${standby}: ${cluster.text}`,
      wouldChangeMind: [`${home.id} is well for the confirmation window: then the way back is offered`],
    });
  }),
};

const leftRaised: Rule = {
  scenario: 'standby-left-raised',
  code: 'standbyLeftRaised',
  describe:
    'A standby was made ready, no traffic goes to it, and the cluster is well: take that back, or people if it is ill.',
  when: forClustered((clustered, application, evidence) => {
    const { home, standby, cluster } = clustered;
    if (!application.isTarget || cluster.record === undefined || cluster.standing !== 'well') return undefined;
    const isAtHome = cluster.entrances.length > 0 && cluster.entrances.every(({ leadsTo }) => leadsTo === home.id);
    if (!isAtHome) return undefined;
    const ill = illOf(standby, evidence);
    const text = `${home.id} serves its users, and ${standby} is still scaled for them`;
    return about(application, evidence, {
      confidence: cluster.isSteady ? 'confirmed' : 'likely',
      outcome: !cluster.isSteady
        ? nextLook(evidence)
        : ill === undefined
          ? { kind: 'act', runbook: 'cluster-failback' }
          : { kind: 'person' },
      text:
        ill === undefined
          ? text
          : `${text}, but it is not well itself (${ill}): whoever needs it next would not be served`,
      wouldChangeMind: [`${home.id} falls ill again`, `somebody takes the scaling of ${standby} back`],
    });
  }),
};

/** How an application has said in one of the looks that count that it can't serve; one copy of several may be the one that is ill. */
const illOf = (id: string, { inquiry }: Evidence): string | undefined =>
  inquiry.rounds
    .flatMap(({ applications }) => applications.filter(({ application }) => application === id))
    .findLast(({ health }) => health.kind === 'failing')?.health.detail;

const clusterDown: Rule = {
  scenario: 'cluster-failure',
  code: 'clusterDown',
  describe:
    'The application fails from outside and its cluster is gone, while its standby is well: move its users there.',
  when: forClustered((clustered, application, evidence) => {
    const { home, standby, cluster } = clustered;
    if (cluster.standing !== 'down') return undefined;
    const why = whyNotTo(clustered, evidence);
    const isAct = why === undefined;
    return about(application, evidence, {
      confidence: cluster.isSteady ? 'confirmed' : 'likely',
      outcome: !cluster.isSteady
        ? nextLook(evidence)
        : isAct
          ? { kind: 'act', runbook: 'cluster-failover' }
          : { kind: 'person' },
      text: isAct ? `${cluster.text}, and ${standby} is well` : `${cluster.text}; ${why}`,
      wouldChangeMind: [
        `${home.id} serves again`,
        'its control plane answers',
        `${standby} is not well`,
        'the database turns out to be ill',
      ],
    });
  }),
};

/** Why the standby can't take the users now; `undefined` when it can. */
function whyNotTo({ home, standby, cluster }: Clustered, { facts, inquiry }: Evidence): string | undefined {
  const seen = facts.applications.find(({ application }) => application === standby);
  if (applicationOf(inquiry.system, standby) === undefined || seen === undefined) return `${standby} is not known`;
  if (seen.health.kind !== 'serving') return `${standby} does not serve either (${seen.health.detail})`;
  if (seen.service === undefined || !isReadable(seen.service)) return `the service of ${standby} can't be read`;
  if (seen.service.scaling.kind !== 'automatic')
    return `${standby} is held at ${seen.service.scaling.instances} instances`;
  if (cluster.entrances.some(({ facts: way }) => !isReadable(way.status))) return 'an entrance can not be read';
  if (!cluster.entrances.some(({ leadsTo }) => leadsTo === home.id)) return 'no entrance leads to it any more';
  return undefined;
}

const planeUnreachable: Rule = {
  scenario: 'cluster-unreachable-but-serving',
  code: 'controlPlaneUnreachable',
  describe: 'Only the control plane does not answer: pods go on serving, nothing is moved, people are told.',
  when: forClustered(({ cluster }, application, evidence) => {
    if (!application.isTarget || cluster.standing !== 'unreachable') return undefined;
    return about(application, evidence, {
      confidence: cluster.isSteady ? 'confirmed' : 'likely',
      outcome: waitOrPerson(evidence),
      text: `${cluster.text}: no cluster failure, and nothing to move`,
      wouldChangeMind: ['it no longer serves', 'the control plane answers'],
    });
  }),
};

/** In the order in which they are asked. */
export const CLUSTER_RULES: readonly Rule[] = [homeIsWell, clusterDown, homeIsIll, leftRaised, planeUnreachable];
