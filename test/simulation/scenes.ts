import type { Chance } from '../../sandbox/world/kernel.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import type { Deed } from './plot.ts';

// The disasters, each as what happens to the world and when, counted from the moment of the break.

/** One disaster. */
export interface Scene {
  readonly name: string;
  readonly weight: number;
  /** Whose steps it leads to. */
  readonly runbook:
    | 'breach'
    | 'cluster'
    | 'database'
    | 'deployment'
    | 'pod'
    | 'recovery'
    | 'region'
    | 'restore'
    | 'rollout'
    | 'service';
  play(chance: Chance): readonly { readonly ms: number; readonly deed: Deed }[];
}

export const breaks = (
  ms: number,
  fault: Extract<Deed, { kind: 'break' }>['fault'],
  variant?: string,
  target?: string,
) => ({
  ms,
  deed: {
    kind: 'break',
    fault,
    ...(variant === undefined ? {} : { variant }),
    ...(target === undefined ? {} : { target }),
  } satisfies Deed,
});

export const mends = (ms: number, fault: Extract<Deed, { kind: 'mend' }>['fault']) => ({
  ms,
  deed: { kind: 'mend', fault } satisfies Deed,
});

const hand = (ms: number, what: Extract<Deed, { kind: 'hand' }>['what']) => ({
  ms,
  deed: { kind: 'hand', what } satisfies Deed,
});

const database = (name: string, weight: number, play: Scene['play']): Scene => ({
  name,
  weight,
  runbook: 'database',
  play,
});

const REPLICA = 'coditect-dms-db-replica';

/** No replica gets anything new, so that whatever is written from then on is lost with the primary. */
function frozen(ms: number, chance: Chance) {
  const variant = chance.pick(['replay', 'receiver'] as const);
  return [REPLICA, 'coditect-dms-db-east'].map((replica) => breaks(ms, 'frozen-replica', variant, replica));
}

/** All disasters. */
export const SCENES: readonly [Scene, ...Scene[]] = [
  database('primary lost, refuses', 28, () => [breaks(0, 'primary-database', 'refuses')]),
  database('primary lost, hangs', 12, () => [breaks(0, 'primary-database', 'hangs')]),
  database('primary crashed', 10, () => [breaks(0, 'primary-database', 'crashed')]),
  database('primary lost, comes back', 9, (chance) => [
    breaks(0, 'primary-database', chance.pick(['refuses', 'hangs'] as const)),
    mends(seconds(chance.between(20, 900)), 'primary-database'),
  ]),
  database('primary lost, back, lost again', 3, (chance) => {
    const back = seconds(chance.between(40, 400));
    return [
      breaks(0, 'primary-database', 'refuses'),
      mends(back, 'primary-database'),
      breaks(back + seconds(chance.between(20, 300)), 'primary-database', 'refuses'),
    ];
  }),
  database('primary lost, promoted by hand', 5, (chance) => [
    breaks(0, 'primary-database', 'refuses'),
    hand(seconds(chance.between(60, 700)), chance.pick(['promoteReplica', 'promoteEast'] as const)),
  ]),
  database('primary stopped by hand', 2, () => [hand(0, 'stopPrimary')]),
  database('primary lost, stop runs for ever', 4, () => [
    breaks(0, 'stop-not-carried-out', 'runsForever'),
    breaks(0, 'primary-database', 'refuses'),
  ]),
  database('primary lost, stop without effect', 4, (chance) => [
    breaks(0, 'stop-not-carried-out', 'doneWithoutEffect'),
    breaks(0, 'primary-database', chance.pick(['refuses', 'hangs'] as const)),
  ]),
  database('we are cut off, others are served', 4, () => [breaks(0, 'functions-cut-from-primary')]),
  database('pods are cut off', 3, () => [breaks(0, 'network', 'both-ways', 'pods,sql/coditect-dms-db')]),
  database('Cloud Run is cut off', 2, () => [breaks(0, 'network', 'both-ways', 'cloudRun,sql/coditect-dms-db')]),
  database('only pods are served', 3, () => [
    breaks(0, 'functions-cut-from-primary'),
    breaks(0, 'network', 'both-ways', 'cloudRun,sql/coditect-dms-db'),
    breaks(0, 'network', 'both-ways', `sql/${REPLICA},sql/coditect-dms-db`),
  ]),
  database('maintenance', 4, () => [breaks(0, 'maintenance')]),
  database('replica lags, then primary lost', 3, () => [
    breaks(-minutes(3), 'replica-lag'),
    breaks(0, 'primary-database', 'refuses'),
  ]),
  database('replica frozen, then primary lost', 4, (chance) => [
    breaks(-minutes(chance.between(1, 3)), 'frozen-replica', chance.pick(['replay', 'receiver'] as const)),
    breaks(0, 'primary-database', 'refuses'),
  ]),
  database('all replicas frozen, then primary lost', 4, (chance) => [
    ...frozen(-minutes(chance.between(1, 3)), chance),
    breaks(0, 'primary-database', chance.pick(['refuses', 'hangs'] as const)),
  ]),
  database('all replicas frozen, primary lost, back, lost again', 8, (chance) => {
    const back = seconds(chance.between(20, 90));
    return [
      ...frozen(-seconds(chance.between(5, 60)), chance),
      breaks(0, 'primary-database', 'refuses'),
      mends(back, 'primary-database'),
      breaks(
        back + seconds(chance.between(80, 300)),
        'primary-database',
        chance.pick(['refuses', 'hangs', 'hangs'] as const),
      ),
    ];
  }),
  database('primary lost, stop without effect, comes back', 4, (chance) => [
    breaks(0, 'stop-not-carried-out', 'doneWithoutEffect'),
    breaks(0, 'primary-database', 'refuses'),
    mends(seconds(chance.between(100, 400)), 'primary-database'),
  ]),
  database('primary and replica lost', 2, () => [
    breaks(0, 'primary-database', 'refuses'),
    breaks(0, 'primary-database', 'refuses', REPLICA),
  ]),
  database('primary lost and a pod hangs', 2, () => [
    breaks(-seconds(40), 'pod'),
    breaks(0, 'primary-database', 'refuses'),
  ]),
  database('asked for by hand on a healthy system', 2, () => [
    { ms: 0, deed: { kind: 'operate', operation: { by: 'command', verb: 'start' } } },
  ]),
  { name: 'pod hangs', weight: 9, runbook: 'pod', play: () => [breaks(0, 'pod')] },
  {
    name: 'pods hang again and again',
    weight: 5,
    runbook: 'pod',
    // Near each other they are several pods; far enough apart each would be healed, if it were not for budget and cooldown.
    play: (chance) => {
      const apart = seconds(chance.between(60, 700));
      return Array.from({ length: 5 }, (_, index) => breaks(index * apart, 'pod'));
    },
  },
  { name: 'containers crash', weight: 2, runbook: 'pod', play: () => [breaks(0, 'crash-loop', 'this')] },
];

/**
 * Disasters of a service's own limits. They are drawn apart from the others, in place of a few of them, so that the seeds of the others
 * keep their plots.
 */
export const PRESSURES: readonly [Scene, ...Scene[]] = [
  {
    name: 'Cloud Run is crowded for a while',
    weight: 5,
    runbook: 'service',
    play: (chance) => [
      breaks(0, 'cloud-run-pressure', 'crowded'),
      mends(minutes(chance.between(6, 16)), 'cloud-run-pressure'),
    ],
  },
  {
    name: 'Cloud Run stays crowded',
    weight: 2,
    runbook: 'service',
    play: () => [breaks(0, 'cloud-run-pressure', 'crowded')],
  },
  {
    name: 'Cloud Run is crowded, and its quota allows no more',
    weight: 1,
    runbook: 'service',
    play: () => [breaks(-minutes(1), 'cloud-run-quota'), breaks(0, 'cloud-run-pressure', 'crowded')],
  },
  {
    name: 'Cloud Run is stuck',
    weight: 3,
    runbook: 'service',
    play: () => [breaks(0, 'cloud-run-pressure', 'stuck')],
  },
  {
    name: 'Cloud Run is slow for a while, for want of instances',
    weight: 2,
    runbook: 'service',
    play: (chance) => [
      breaks(0, 'cloud-run-pressure', 'slow'),
      mends(minutes(chance.between(6, 16)), 'cloud-run-pressure'),
    ],
  },
  {
    name: 'Cloud Run is slow, since it waits for something else',
    weight: 2,
    runbook: 'service',
    play: () => [breaks(0, 'cloud-run-pressure', 'waiting')],
  },
  {
    name: 'the Deployment is crowded for a while',
    weight: 4,
    runbook: 'deployment',
    play: (chance) => [
      breaks(0, 'deployment-pressure', 'crowded'),
      mends(minutes(chance.between(6, 16)), 'deployment-pressure'),
    ],
  },
  {
    name: 'the Deployment stays crowded',
    weight: 2,
    runbook: 'deployment',
    play: () => [breaks(0, 'deployment-pressure', 'crowded')],
  },
  {
    name: 'the Deployment is stuck',
    weight: 3,
    runbook: 'deployment',
    play: () => [breaks(0, 'deployment-pressure', 'stuck')],
  },
  {
    name: 'the Deployment is stuck for a while',
    weight: 2,
    runbook: 'deployment',
    play: (chance) => [
      breaks(0, 'deployment-pressure', 'stuck'),
      mends(seconds(chance.between(60, 1_200)), 'deployment-pressure'),
    ],
  },
  {
    name: 'the Deployment is crowded, then the primary is lost',
    weight: 1,
    runbook: 'database',
    play: (chance) => [
      breaks(-minutes(chance.between(1, 8)), 'deployment-pressure', 'crowded'),
      breaks(0, 'primary-database', 'refuses'),
    ],
  },
  {
    name: 'Cloud Run is crowded, then the primary is lost',
    weight: 2,
    runbook: 'database',
    play: (chance) => [
      breaks(-minutes(chance.between(1, 8)), 'cloud-run-pressure', chance.pick(['crowded', 'stuck'] as const)),
      breaks(0, 'primary-database', 'refuses'),
    ],
  },
];

const REVISIONS = ['image', 'config', 'crash'] as const;

/** Disasters that people deploy. Drawn apart from the others too, and for the same reason. */
export const ROLLOUTS: readonly [Scene, ...Scene[]] = [
  {
    name: 'a bad revision is deployed',
    weight: 6,
    runbook: 'rollout',
    play: (chance) => [breaks(0, 'bad-revision', chance.pick(REVISIONS))],
  },
  {
    name: 'a bad revision is deployed, and mended by hand',
    weight: 2,
    runbook: 'rollout',
    play: (chance) => [
      breaks(0, 'bad-revision', chance.pick(REVISIONS)),
      mends(seconds(chance.between(60, 800)), 'bad-revision'),
    ],
  },
  {
    name: 'a bad revision is deployed, then another',
    weight: 2,
    runbook: 'rollout',
    play: (chance) => [
      breaks(0, 'bad-revision', 'image'),
      breaks(seconds(chance.between(20, 400)), 'bad-revision', 'config'),
    ],
  },
  {
    name: 'a pod does not end',
    weight: 2,
    runbook: 'rollout',
    play: () => [breaks(0, 'stuck-pod')],
  },
  {
    name: 'every pod hangs',
    weight: 3,
    runbook: 'rollout',
    play: () => [breaks(0, 'pod', 'all')],
  },
  {
    name: 'every pod hangs, and a bad revision is deployed',
    weight: 1,
    runbook: 'rollout',
    play: (chance) => [
      breaks(0, 'pod', 'all'),
      breaks(seconds(chance.between(10, 400)), 'bad-revision', chance.pick(REVISIONS)),
    ],
  },
  {
    name: 'a bad revision is deployed, then the primary is lost',
    weight: 2,
    runbook: 'database',
    play: (chance) => [
      breaks(-seconds(chance.between(20, 400)), 'bad-revision', chance.pick(REVISIONS)),
      breaks(0, 'primary-database', 'refuses'),
    ],
  },
];

const cluster = (name: string, weight: number, play: Scene['play']): Scene => ({
  name,
  weight,
  runbook: 'cluster',
  play,
});

/** Disasters of the cluster, drawn apart as well. */
export const CLUSTERS: readonly [Scene, ...Scene[]] = [
  cluster('cluster lost', 5, () => [breaks(0, 'cluster')]),
  cluster('cluster lost, comes back', 6, (chance) => [
    breaks(0, 'cluster'),
    mends(seconds(chance.between(60, 1_300)), 'cluster'),
  ]),
  cluster('cluster lost, back, lost again', 2, (chance) => {
    const back = seconds(chance.between(120, 700));
    return [breaks(0, 'cluster'), mends(back, 'cluster'), breaks(back + seconds(chance.between(30, 400)), 'cluster')];
  }),
  cluster('control plane does not answer', 2, () => [breaks(0, 'control-plane')]),
  cluster('cluster lost while Cloud Run is crowded', 2, (chance) => [
    breaks(-minutes(chance.between(1, 8)), 'cloud-run-pressure', chance.pick(['crowded', 'stuck'] as const)),
    breaks(0, 'cluster'),
  ]),
  cluster('cluster and primary lost together', 2, () => [
    breaks(0, 'cluster'),
    breaks(0, 'primary-database', 'refuses'),
  ]),
  cluster('cluster lost, comes back, then the primary is lost on the way back', 3, (chance) => {
    const back = seconds(chance.between(240, 480));
    return [
      breaks(0, 'cluster'),
      mends(back, 'cluster'),
      breaks(back + seconds(chance.between(120, 540)), 'primary-database', 'refuses'),
    ];
  }),
  cluster('cluster lost, then the primary', 2, (chance) => [
    breaks(0, 'cluster'),
    breaks(seconds(chance.between(60, 900)), 'primary-database', 'refuses'),
  ]),
];
