// What can be proved of the cloud on things that nobody depends on, how, and what an observation says. Pure: data and decisions.
// The assumptions themselves stand in sandbox/world/assumptions.ts, by the same names.

/** An assumption that throw-away instances and a throw-away service can show. */
export type Provable =
  | 'settingsVersionChecked'
  | 'stopPrimaryWithReplicas'
  | 'stoppedInstanceRefusesRestart'
  | 'runEtagChecked'
  | 'manualZeroHoldsService';

/** How one is proved. */
export interface Experiment {
  /** What it is shown on. `standby`: a primary with high availability. */
  readonly needs: readonly ('primary' | 'standby' | 'replica' | 'service')[];
  /** The calls, in their order. */
  readonly steps: readonly string[];
  /** How long it takes, without making what it needs: an estimate, in minutes. */
  readonly minutes: number;
}

/** The experiments, in the order in which they are made: what stops the primary comes last. */
export const EXPERIMENTS: Readonly<Record<Provable, Experiment>> = {
  runEtagChecked: {
    needs: ['service'],
    steps: [
      'services.get, and its etag is kept',
      'services.patch of its scaling with that etag: it is another one then',
      'services.patch once more with the kept etag: has to be refused with 409',
    ],
    minutes: 2,
  },
  manualZeroHoldsService: {
    needs: ['service'],
    steps: [
      'GET of its address, until it answers with 2xx',
      'services.patch to manual scaling with 0 instances',
      'a minute later GET of its address, every 10 s for two minutes: no answer may be 2xx',
    ],
    minutes: 5,
  },
  settingsVersionChecked: {
    needs: ['primary'],
    steps: [
      'instances.get, and its settingsVersion is kept',
      'instances.patch of a label with that version: it is another one then',
      'instances.patch once more with the kept version: has to be refused with 412',
    ],
    minutes: 2,
  },
  stopPrimaryWithReplicas: {
    needs: ['primary', 'replica'],
    steps: [
      'instances.get: the primary names its replica',
      'instances.patch of the primary to activationPolicy NEVER: has to be accepted, and done without an error',
      'instances.get: it says NEVER',
    ],
    minutes: 4,
  },
  stoppedInstanceRefusesRestart: {
    needs: ['standby'],
    steps: [
      'instances.patch to activationPolicy NEVER, unless it is stopped already (without its replica, where that is what forbids it)',
      'instances.restart: has to be refused with 400',
      'instances.failover: has to be refused with 400',
    ],
    minutes: 4,
  },
};

/** Why the others are not proved by this command. */
export const NOT_PROVABLE = {
  stoppedInstanceRefuses:
    'it is about connections from where the functions are, and a throw-away instance lets nobody connect',
  dnsPatchKeepsTtl: 'it would need a zone; every patch of ours sends the ttl, so that it is not relied on',
  lostRegionTakesOperations: 'nobody can lose a region on purpose',
} as const;

/** What came of a call. `code`: that of a `PortError`, such as `http 412`. */
export type CallOutcome =
  | { readonly kind: 'accepted'; readonly error: string | undefined }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'lost'; readonly code: string };

/** What was seen, assumption by assumption; what is missing was not come to. */
export interface Observations {
  readonly settingsVersionChecked?: { readonly hadChanged: boolean; readonly stale: CallOutcome };
  readonly stopPrimaryWithReplicas?: {
    readonly replicas: number;
    readonly stop: CallOutcome;
    readonly activation: 'always' | 'never';
  };
  readonly stoppedInstanceRefusesRestart?: {
    readonly restart: CallOutcome;
    readonly failover: CallOutcome | undefined;
  };
  readonly runEtagChecked?: { readonly hadChanged: boolean; readonly stale: CallOutcome };
  readonly manualZeroHoldsService?: {
    readonly before: number | undefined;
    readonly isHeld: boolean;
    /** Statuses; `undefined`: nobody answered. */
    readonly answers: readonly (number | undefined)[];
  };
}

/** What an assumption turned out to be. */
export type Verdict =
  | { readonly kind: 'holds'; readonly seen: string }
  | { readonly kind: 'doesNotHold'; readonly seen: string }
  | { readonly kind: 'notProved'; readonly because: string };

const holds = (seen: string): Verdict => ({ kind: 'holds', seen });
const doesNotHold = (seen: string): Verdict => ({ kind: 'doesNotHold', seen });
const notProved = (because: string): Verdict => ({ kind: 'notProved', because });

/** What the observations say of an assumption. `trouble`: why it came no further, where it did not. */
export function verdictOf(id: Provable, seen: Observations, trouble: string | undefined): Verdict {
  switch (id) {
    case 'settingsVersionChecked':
      return stale(seen.settingsVersionChecked, ['http 412', 'failedPrecondition'], 'settingsVersion', trouble);
    case 'runEtagChecked':
      return stale(seen.runEtagChecked, ['http 409', 'aborted'], 'etag', trouble);
    case 'stopPrimaryWithReplicas':
      return stopped(seen.stopPrimaryWithReplicas, trouble);
    case 'stoppedInstanceRefusesRestart':
      return refusedRestart(seen.stoppedInstanceRefusesRestart, trouble);
    case 'manualZeroHoldsService':
      return held(seen.manualZeroHoldsService, trouble);
  }
}

const notReached = (trouble: string | undefined): Verdict => notProved(trouble ?? 'it was not come to');

function stale(
  seen: Observations['runEtagChecked'],
  conflicts: readonly string[],
  what: string,
  trouble: string | undefined,
): Verdict {
  if (seen === undefined) return notReached(trouble);
  if (!seen.hadChanged) return notProved(`the ${what} was the same after a change: none was stale`);
  switch (seen.stale.kind) {
    case 'accepted':
      return doesNotHold(`a change with a stale ${what} was accepted`);
    case 'lost':
      return notProved(`nobody knows what came of the change with a stale ${what} (${seen.stale.code})`);
    case 'refused':
      return conflicts.includes(seen.stale.code)
        ? holds(`a change with a stale ${what} was refused (${seen.stale.code})`)
        : notProved(`the change was refused for another reason (${seen.stale.code})`);
  }
}

/** What Cloud SQL refuses because of how the instance is. */
const isBadRequest = (code: string): boolean => code === 'invalid' || code === 'failedPrecondition';

function stopped(seen: Observations['stopPrimaryWithReplicas'], trouble: string | undefined): Verdict {
  if (seen === undefined) return notReached(trouble);
  if (seen.replicas === 0) return notProved('the primary named no replica when it was to be stopped');
  switch (seen.stop.kind) {
    case 'lost':
      return notProved(`nobody knows what came of the stop (${seen.stop.code})`);
    case 'refused':
      return isBadRequest(seen.stop.code)
        ? doesNotHold(`the stop was refused (${seen.stop.code})`)
        : notProved(`the stop was refused for another reason (${seen.stop.code})`);
    case 'accepted':
      if (seen.stop.error !== undefined) return doesNotHold(`the stop was accepted and failed: ${seen.stop.error}`);
      return seen.activation === 'never'
        ? holds('it was stopped, with its replica beside it')
        : doesNotHold('the stop was done, and the instance does not say NEVER');
  }
}

function refusedRestart(seen: Observations['stoppedInstanceRefusesRestart'], trouble: string | undefined): Verdict {
  if (seen === undefined) return notReached(trouble);
  const { restart, failover } = seen;
  if (restart.kind === 'accepted') return doesNotHold('a restart of the stopped instance was accepted');
  if (failover?.kind === 'accepted') return doesNotHold('a failover of the stopped instance was accepted');
  const odd = [restart, failover].find((one) => one?.kind !== 'refused' || !isBadRequest(one.code));
  return odd === undefined && failover !== undefined
    ? holds('restart and failover of the stopped instance were refused')
    : notProved(`restart or failover came to something else (${odd?.code ?? 'it was not come to'})`);
}

function held(seen: Observations['manualZeroHoldsService'], trouble: string | undefined): Verdict {
  if (seen === undefined) return notReached(trouble);
  const { before, isHeld, answers } = seen;
  if (before === undefined || !isServed(before))
    return notProved(
      `its address was answered with ${before ?? 'nothing'} while it served, so that silence says nothing`,
    );
  if (!isHeld) return notProved('the service does not say that it is scaled manually to 0');
  const answered = answers.filter((status) => status !== undefined);
  if (answered.some(isServed)) return doesNotHold('it answered a request while it was scaled manually to 0');
  return answered.length === 0
    ? notProved('nobody answered at its address')
    : holds(`${answered.length} requests in two minutes were all turned away (${[...new Set(answered)].join(', ')})`);
}

/** Whether a status means that an instance answered. */
export const isServed = (status: number): boolean => status >= 200 && status < 300;
