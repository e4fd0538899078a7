import type { Assumptions } from '../../sandbox/world/assumptions.ts';
import type { FaultName } from '../../sandbox/world/fault-catalogue.ts';
import type { ApiFaultKind } from '../../sandbox/world/faults.ts';
import type { IncidentEvent } from '../../shared/incident/events.ts';
import type { Millis } from '../../shared/core/time.ts';
import type { FunctionName, Mode, RunbookName } from '../../shared/system/names.ts';
import type { Database } from '../../shared/system/system.ts';
import type { Blow } from './processes.ts';

// One run's story, as data: what happens to the world, to our processes and to the store, and what people do. A plot says all
// that chance decided, so that it can be printed, and made shorter until only what matters is left.

/** When something happens: at a moment, when a run first begins an action, or when a log first gets such an event. `ms` counts from there. */
export type Trigger =
  | { readonly kind: 'at'; readonly ms: number }
  | { readonly kind: 'step'; readonly action: string; readonly ms: number }
  | { readonly kind: 'event'; readonly event: IncidentEvent['kind']; readonly ms: number };

/** What a person with gcloud or kubectl does beside us. */
export const HANDIWORK = [
  'promoteReplica',
  'promoteEast',
  'stopPrimary',
  'startPrimary',
  'restartPrimary',
  'scaleApi',
] as const;
/**
 * `cloneByHand`: somebody makes an instance under the name that our clone would get.
 * `replaceDump`: somebody writes another newest dump. `addPaymentKey`: what somebody does who was asked for it. `closeEvidence`: somebody
 * takes our right to add to the bucket of evidence. `closeUsers`: somebody takes our right to set passwords. `changePassword`: whoever has
 * the database's password gives its user another one. `mendRow`: somebody puts right one of the rows that were spoilt. `setLimits`,
 * `setFloor`: somebody gives the service other limits, or its Deployment's autoscaler another floor. Plots draw these for their own
 * disasters only, or not at all.
 */
export type Handiwork =
  | (typeof HANDIWORK)[number]
  | 'addPaymentKey'
  | 'cloneByHand'
  | 'changePassword'
  | 'closeEvidence'
  | 'closeUsers'
  | 'mendRow'
  | 'replaceDump'
  | 'setFloor'
  | 'setLimits';

/** What an attacker who can write our store puts into the log of the open incident. */
export const FORGERIES = [
  'decided',
  'decidedByStrangerKey',
  'approvalAsked',
  'runStarted',
  'fenceProved',
  'everythingBeforePromotion',
  'promotionDone',
  'planWithoutFence',
  'planUnderFalseDigest',
  'planAgain',
  'denyForgotten',
  'lossAccepted',
  'resolved',
] as const;
export type Forgery = (typeof FORGERIES)[number];

/** What an operator asks for. A command is a message that anybody could have sent; a wish is authenticated. */
export type Operation =
  | { readonly by: 'command'; readonly verb: 'stop' | 'takeover' | 'resume' | 'cancel' }
  | {
      readonly by: 'command';
      readonly verb: 'start';
      readonly runbook?: RunbookName;
      readonly target?: string;
      readonly isolate?: readonly string[];
      /** The last good moment that is named with it: so long before. */
      readonly momentAgoMs?: number;
    }
  | { readonly by: 'wish'; readonly verb: 'acknowledge'; readonly step: string }
  | { readonly by: 'wish'; readonly verb: 'stop' | 'release' | 'takeover' | 'resume' | 'cancel' }
  | {
      readonly by: 'wish';
      readonly verb: 'accept';
      /** As `./dr accept` takes it. */
      readonly wall: string;
    }
  | { readonly by: 'wish'; readonly verb: 'mode'; readonly mode: Mode };

/** The control regions. With one, it is the first. */
export const REGIONS = ['east', 'west'] as const;
export type Region = (typeof REGIONS)[number];

/** Something that happens. */
export type Deed =
  | { readonly kind: 'break'; readonly fault: FaultName; readonly target?: string; readonly variant?: string }
  | { readonly kind: 'mend'; readonly fault: FaultName }
  | { readonly kind: 'hand'; readonly what: Handiwork }
  | { readonly kind: 'operate'; readonly operation: Operation }
  /** The next calls of one function at the door of the APIs. */
  | {
      readonly kind: 'calls';
      readonly of: FunctionName;
      readonly what: ApiFaultKind;
      readonly writes: boolean;
      readonly count: number;
    }
  /** All calls of all our functions, each with these probabilities, for a while. */
  | {
      readonly kind: 'weather';
      readonly rates: readonly (readonly [ApiFaultKind, number])[];
      readonly lastsMs: number;
    }
  | { readonly kind: 'blow'; readonly of: FunctionName; readonly blow: Blow }
  /** Everything of ours in one region ends, and nothing starts there for a while. */
  | { readonly kind: 'regionLost'; readonly region: Region; readonly lastsMs: number }
  | { readonly kind: 'storeOutage'; readonly how: 'refuses' | 'hangs'; readonly lastsMs: number }
  | { readonly kind: 'forge'; readonly what: Forgery }
  /** A message that can't be read, or that nobody expects. */
  | { readonly kind: 'garbage'; readonly text: string };

/** One thing that happens, and when. */
export interface Happening {
  readonly trigger: Trigger;
  readonly deed: Deed;
}

/** How somebody who gets a link deals with it. */
export const HABITS = [
  'quick',
  'slow',
  'never',
  'denies',
  'approvesThenDenies',
  'deniesThenApproves',
  'twice',
  'late',
  'forges',
] as const;
export type Habit = (typeof HABITS)[number];

/** The story of one seed. Times are milliseconds of clock time; `at` triggers count from the start of the run. */
export interface Plot {
  readonly title: string;
  readonly mood: 'calm' | 'rough' | 'hostile';
  /** What dr.yaml lists for the database; `undefined` for what the reference file says. */
  readonly remedies: Database['remedies'] | undefined;
  /** Whether the primary has a standby in another zone. */
  readonly isRegional: boolean;
  /** Whether users come by a record whose address is switched, and not by a load balancer's default. */
  readonly byRecord: boolean;
  /** How long a target must stay well, where dr.yaml says it otherwise than the reference. */
  readonly holdTime?: Millis;
  /** Whether the second region is there, and dr.yaml says so. */
  readonly secondary: boolean;
  /** Whether the run goes on until everything of a region that was lost is back home. */
  readonly goesHome: boolean;
  readonly brokenAtMs: number;
  /** When the faults that are nobody's disaster have ended. */
  readonly faultsUntilMs: number;
  /** When the run is judged at the latest. */
  readonly endsAtMs: number;
  readonly happenings: readonly Happening[];
  readonly habits: Readonly<Record<string, Habit>>;
  readonly assumptions: Assumptions;
  readonly duplicates: number;
  readonly delayMaxMs: number;
  readonly killRate: number;
  readonly storeRate: number;
  readonly storeLatencyMs: number;
  /** Processes of one function that take deliveries side by side, in each region. */
  readonly copies: number;
  /** Control regions, each with every function; both hear of everything (design.md section 3). */
  readonly regions: 1 | 2;
  /** How far each function's clock is ahead of the world's. */
  readonly skewMs: Readonly<Partial<Record<FunctionName, number>>>;
  readonly deadDestinations: readonly string[];
}

/** What happens, in few words: a row of the coverage table. */
export function labelOf(deed: Deed): string {
  switch (deed.kind) {
    case 'break':
      return `break ${deed.fault}${deed.variant === undefined ? '' : ` ${deed.variant}`}`;
    case 'mend':
      return `mend ${deed.fault}`;
    case 'hand':
      return `person: ${deed.what}`;
    case 'operate':
      return `${deed.operation.by}: ${deed.operation.verb === 'accept' ? deed.operation.wall : deed.operation.verb}`;
    case 'calls':
      return `call ${deed.what.kind}`;
    case 'weather':
      return 'weather';
    case 'blow':
      return labelOfBlow(deed.blow);
    case 'regionLost':
      return 'region lost';
    case 'storeOutage':
      return `store outage ${deed.how}`;
    case 'forge':
      return `forged ${deed.what}`;
    case 'garbage':
      return 'garbage';
  }
}

/** `killed before a call`, `frozen after a call`. */
export const labelOfBlow = ({ lasts, when }: Blow): string =>
  `${lasts === undefined ? 'killed' : 'frozen'} ${when} a call`;

/** The same, with when it happens: a line of a printed plot. */
export function showHappening({ trigger, deed }: Happening): string {
  const after = trigger.kind === 'at' ? '' : `${trigger.kind === 'step' ? trigger.action : trigger.event} + `;
  const when = `${after}${(trigger.ms / 1_000).toFixed(1)} s`;
  const { kind, ...rest } = deed;
  return `${when.padEnd(24)} ${kind} ${JSON.stringify(rest)}`;
}
