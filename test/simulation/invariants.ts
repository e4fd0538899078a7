import { balances } from '../../sandbox/world/broker-delivery.ts';
import { instant } from '../../shared/core/time.ts';
import { parseEvent } from '../../shared/incident/events.ts';
import { replay } from '../../shared/incident/evolve.ts';
import { hasEnded, type IncidentState, insideCommittedSection } from '../../shared/incident/state.ts';
import { verifyChain } from '../../shared/log/verify.ts';
import { isWithPeople, type Run } from './run.ts';

// What must hold after every run (design.md section 10), judged from outside wherever there is an outside: the world's audit, the
// broker's ledger, the load. Each answers a sentence when it does not hold.

type Invariant = (run: Run) => readonly string[];

const effectsBy = (run: Run, name: string) =>
  run.world.kernel.audit
    .entries()
    .filter(({ call, result }) => call.writes && result === 'effect' && call.principal.startsWith(`dr-${name}@`));

/** Permissions that heal's effects may need, and no more. */
const SAFE = new Set([
  'k8s.pods/eviction.create',
  'k8s.apps.deployments/scale.patch',
  'pubsub.topics.publish',
  'cloudsql.instances.login',
]);

/** Effects that don't change the protected system. */
const HARMLESS = new Set(['pubsub.topics.publish', 'cloudsql.instances.login']);

const invariants: Readonly<Record<string, Invariant>> = {
  'I1 no destructive effect without an approval': (run) => {
    const changes = effectsBy(run, 'recover').filter(({ call }) => !HARMLESS.has(call.permission));
    const approvedFrom = Math.min(
      ...run.incidents.flatMap(({ state }) =>
        state.approvals.flatMap(({ decisions }) =>
          decisions.filter(({ decision }) => decision === 'approve').map(({ at }) => at as number),
        ),
      ),
    );
    const early = changes.filter(({ at }) => at < approvedFrom);
    const unsafe = effectsBy(run, 'heal').filter(({ call }) => !SAFE.has(call.permission));
    const looking = [
      ...effectsBy(run, 'classify'),
      ...effectsBy(run, 'tick'),
      ...effectsBy(run, 'notify'),
      ...effectsBy(run, 'approve'),
    ].filter(({ call }) => !HARMLESS.has(call.permission));
    return [...early, ...unsafe, ...looking].map(
      ({ call }) => `${call.principal} did ${call.permission} on ${call.resource}`,
    );
  },
  'I2 nothing is promoted while the old primary takes writes from a consumer’s place': (run) =>
    run.promotions
      .filter(({ oldPrimaryTook }) => oldPrimaryTook)
      .map(({ at }) => `promoted at ${new Date(at).toISOString()} beside a primary that takes writes`),
  'I3 promote takes effect at most once': (run) =>
    run.promotions.length <= 1 ? [] : [`promoted ${run.promotions.length} times`],
  'I4 two runs never hold one target': (run) => {
    const spans = run.incidents.flatMap(({ records }) => runSpans(records.map(parseEvent)));
    return spans.flatMap((one, index) =>
      spans
        .slice(index + 1)
        .flatMap((other) =>
          one.target === other.target && one.incident !== other.incident && one.from < other.to && other.from < one.to
            ? [`${one.incident} and ${other.incident} ran on ${one.target} at once`]
            : [],
        ),
    );
  },
  'I5 every incident has ended or reached a person, and no section is left half done': (run) =>
    run.incidents.flatMap(({ state }) => [
      ...(hasEnded(state) || reachedSomebody(run, state) ? [] : [`${state.id} is stuck in ${state.phase.kind}`]),
      ...halfDone(state),
    ]),
  'I6 no accepted message is lost': (run) =>
    run.broker.ledger().flatMap((row) => (balances(row) ? [] : [`${row.subscription} does not balance`])),
  'I6 every urgent notice of an open matter is delivered': (run) =>
    run.incidents.flatMap(({ state }) =>
      [...state.notices.values()]
        .filter(({ notice, delivered }) => notice.urgent && notice.approval === null && delivered.length === 0)
        .map(({ notice }) => `${state.id}: ${notice.id} reached nobody`),
    ),
  'I7 logs replay to the same state and their chains verify': (run) =>
    run.incidents.flatMap(({ state, records }) => {
      const verdict = verifyChain(records, { incident: state.id });
      const replayed = replay(state.id, records.map(parseEvent));
      return [
        ...(verdict.kind === 'sound' ? [] : [`${state.id}: chain broken at ${verdict.atSequence}`]),
        ...(JSON.stringify(replayed) === JSON.stringify(state) ? [] : [`${state.id} replays to another state`]),
      ];
    }),
  'I8 budgets hold': (run) => {
    const evictions = effectsBy(run, 'heal').filter(({ call }) => call.permission === 'k8s.pods/eviction.create');
    const [budget] = run.system.guards.budgets;
    return budget !== undefined && evictions.length > budget.runs * 2 ? [`${evictions.length} evictions`] : [];
  },
  'I9 what was lost is within what was approved': (run) => {
    if (run.promotions.length === 0) return [];
    const primary = run.world.primaryInUse();
    if (primary === 'coditect-dms-db') return [];
    const loss = run.load.loss(
      (id) => run.world.sql.fleet.servers.server(primary)?.history.hasApplicationRow(id) === true,
      instant(run.brokenAt),
    );
    const limit = Math.max(
      ...run.incidents.flatMap(({ state }) =>
        state.approvals
          .filter(({ decisions }) => decisions.length > 0)
          .map(({ lossLimitMs }) => lossLimitMs ?? Number.POSITIVE_INFINITY),
      ),
    );
    return loss.rpo > limit ? [`lost ${loss.rpo} ms of writes, approved were ${limit} ms`] : [];
  },
  'no flow ends with a bug': (run) => run.bugs,
};

/** Sentences about everything that does not hold; empty for a sound run. */
export function violations(run: Run): readonly string[] {
  return Object.entries(invariants).flatMap(([name, holds]) => holds(run).map((sentence) => `${name}: ${sentence}`));
}

function reachedSomebody(run: Run, state: IncidentState): boolean {
  const told = [...state.notices.values()].some(({ delivered }) => delivered.length > 0);
  return (
    told &&
    (isWithPeople(state) ||
      state.phase.kind === 'waiting' ||
      (state.phase.kind === 'awaitingApproval' && run.plot.lasts > 0))
  );
}

function halfDone(state: IncidentState): readonly string[] {
  const { run } = state;
  if (run === undefined || !insideCommittedSection(run) || state.phase.kind === 'takenOver') return [];
  return run.landing?.landed === true
    ? []
    : [`${state.id} is inside its committed section in phase ${state.phase.kind} without a landing`];
}

function runSpans(events: readonly ReturnType<typeof parseEvent>[]) {
  const spans: { incident: string; target: string; from: number; to: number }[] = [];
  let plan: { readonly target: string; readonly incident: string } | undefined;
  for (const event of events) {
    if (event.kind === 'planDrawn') plan = event.data.plan;
    if (event.kind === 'runStarted' && plan !== undefined)
      spans.push({ incident: plan.incident, target: plan.target, from: event.at, to: Number.POSITIVE_INFINITY });
    const open = spans.at(-1);
    if (
      open !== undefined &&
      open.to === Number.POSITIVE_INFINITY &&
      (event.kind === 'resolved' ||
        event.kind === 'landed' ||
        event.kind === 'needsPerson' ||
        event.kind === 'dismissed' ||
        event.kind === 'takenOver' ||
        event.kind === 'approvalVoided')
    )
      open.to = event.at;
  }
  return spans;
}
