import { z } from 'zod';
import { between, type Instant, instant, type Millis, millis, minutes, seconds, showDuration } from '../core/time.ts';
import { failure, type Progress } from '../engine/action.ts';
import type { DeepHealth } from '../ports/applications.ts';
import {
  LOAD_AGE_MAX,
  latencyVerdict,
  type LoadMinute,
  requestVerdict,
  type ServiceLatency,
} from '../ports/service-load.ts';
import { define, verifiedByPolling } from './define.ts';

// Waits for users to be served again after something was given more of what it lacked: a Cloud Run service instances, a Deployment
// replicas. No relief is a finding for the last step, and no failure, since what was raised is taken back first.

/** Between two looks at a load: Monitoring has a new point once a minute. */
const WATCH_EVERY = seconds(15);

/** How long without relief says that more does not help: a new point may be as late as this, and what is new has to start. */
const RELIEF_WITHIN = minutes(7);

/** How long what was raised is watched. While it lasts its target is locked, and its database's failover has to wait for it. */
const WATCH_MAX = minutes(20);

/** Longest watch by the hold time: one that was begun anew once has room in it. */
export const watchMax = (holdMs: number): Millis => millis(Math.max(WATCH_MAX, 2 * holdMs + minutes(10)));

/** Where a watch stands. The two moments change only when what is seen does: a log is no chart. */
export const watchHandle = z.strictObject({
  sinceMs: z.number(),
  refusingSinceMs: z.number().nullable(),
  calmSinceMs: z.number().nullable(),
});
type Watch = z.infer<typeof watchHandle>;

/** What the watch found, where it was no relief. */
const outputWire = z.strictObject({ finding: z.strictObject({ code: z.string(), detail: z.string() }) });

/** What users meet. `answers`: the front end turns nobody away, and we are served as well. */
export type UserVerdict = 'answers' | 'refuses' | 'databaseFails';

/** The first state of a watch. */
export const beginWatch = (now: Instant): Watch => ({ sinceMs: now, refusingSinceMs: now, calmSinceMs: null });

/** What users meet now; `since`: minutes that began before that moment don't count. */
export function userVerdict(
  load: { readonly minutes: readonly LoadMinute[]; readonly latency?: ServiceLatency },
  health: DeepHealth,
  { now, since }: { readonly now: Instant; readonly since: Instant | undefined },
): UserVerdict {
  if (health.kind === 'failing' && health.database?.writable === false) return 'databaseFails';
  const [newest] = load.minutes;
  const isFresh =
    newest !== undefined &&
    between(newest.at, now) <= LOAD_AGE_MAX &&
    (since === undefined || newest.at >= since + minutes(1));
  // A minute with few requests says nothing of their latency, and neither does one that nobody asks about.
  const latency = latencyVerdict({ ...load, active: [] }, now).says;
  const isSlow = latency === 'working' || latency === 'waiting';
  const isFine = isFresh && !isSlow && (requestVerdict(load, now).says === 'fine' || newest.refused === 0);
  return isFine && health.kind === 'serving' ? 'answers' : 'refuses';
}

/** What was raised, and what a look finds of it. */
export interface Relief {
  readonly application: string;
  readonly holdMs: number;
  readonly kind: UserVerdict;
  readonly text: string;
  /** Whether what there was before would do for what is asked now. */
  readonly isCalm: boolean;
  /** `instances`, `replicas`: of which there are more. */
  readonly what: 'instances' | 'replicas';
  /** Said when it is over: what is enough. */
  readonly enough: string;
}

/** How a watch goes on after a look: until users have been answered for the hold time with what there was before, or it is clear they won't be. */
export function awaitRelief(known: Watch, seen: Relief, now: Instant): Progress {
  const { application, kind, text, what } = seen;
  const found = (code: string, because: string): Progress => {
    const detail = `${application}: ${because}`;
    return { kind: 'done', detail, output: { finding: { code, detail } } };
  };
  if (kind === 'databaseFails') return found('databaseFails', text);
  const answers = kind === 'answers';
  const refusingSinceMs = answers ? null : (known.refusingSinceMs ?? now);
  const calmSinceMs = answers && seen.isCalm ? (known.calmSinceMs ?? now) : null;
  if (calmSinceMs !== null && now - calmSinceMs >= seen.holdMs)
    return { kind: 'done', detail: `${application} answers, ${seen.enough}` };
  if (refusingSinceMs !== null && now - refusingSinceMs >= RELIEF_WITHIN)
    return found(DID_NOT_HELP[what], `more ${what} did not help: ${text}`);
  const took = between(instant(known.sinceMs), now);
  if (took >= watchMax(seen.holdMs)) return found('stillNeeded', `after ${showDuration(took)} ${text}`);
  const handle = { sinceMs: known.sinceMs, refusingSinceMs, calmSinceMs };
  return { kind: 'running', handle, detail: text, again: WATCH_EVERY };
}

const DID_NOT_HELP = { instances: 'moreInstancesDidNotHelp', replicas: 'moreReplicasDidNotHelp' } as const;

/** Steps that watch what came of a raise. */
export const WATCHES: ReadonlySet<string> = new Set(['watch-relief', 'watch-crowd']);

/** The end: what the watch found goes to people, unless it was relief. It only reads the log, and changes nothing. */
export const confirmRelief = define({
  kind: 'confirm-relief',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({ application: z.string() }),
  version: z.null(),
  handle: z.null(),
  observe: async ({ application }, { run }) => {
    const watch = run.plan.steps.find(({ action }) => WATCHES.has(action));
    const progress = watch === undefined ? undefined : run.steps.get(watch.id);
    const read = outputWire.safeParse(progress?.kind === 'done' ? progress.output : null);
    if (!read.success) return { kind: 'already', detail: `${application} was relieved` };
    const { code, detail } = read.data.finding;
    return { kind: 'refused', failure: failure('notVerified', code, detail) };
  },
  start: async () => ({ kind: 'running', handle: null, detail: 'confirming' }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'confirming' }),
  verify: verifiedByPolling,
});
