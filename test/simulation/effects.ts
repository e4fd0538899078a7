import { waitsForPeople } from '../../shared/engine/next-move.ts';
import { seconds } from '../../shared/core/time.ts';
import { begin, evolve } from '../../shared/incident/evolve.ts';
import type { IncidentEvent } from '../../shared/incident/events.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import type { IncidentId } from '../../shared/system/names.ts';
import {
  consentedBy,
  described,
  type DrawnPlan,
  effectsBy,
  hadLateRequests,
  type Invariant,
  isForged,
  promotionsOf,
  requestOf,
} from './judged.ts';
import { requestsOf } from './powers.ts';
import type { Run } from './run.ts';

// What is done is done once, and by whoever has the right to.

/** When each incident's run was under way, and what it held. */
function spansOf(run: Run) {
  return run.incidents
    .filter((incident) => !isForged(run, incident))
    .flatMap(({ state: { id }, events }) => spans(id, events));
}

function spans(id: IncidentId, events: readonly IncidentEvent[]) {
  const found: { readonly id: IncidentId; readonly holds: readonly string[]; readonly from: number; to: number }[] = [];
  let state: IncidentState | undefined;
  let open: (typeof found)[number] | undefined;
  for (const event of events) {
    state = state === undefined ? begin(id, event) : evolve(state, event);
    // A run that waits for people holds nothing.
    const isRunning =
      (state.phase.kind === 'running' && !(state.run !== undefined && waitsForPeople(state.run))) ||
      state.phase.kind === 'landing';
    if (isRunning && open === undefined) {
      open = { id, holds: state.run?.plan.holds ?? [], from: event.at, to: Number.POSITIVE_INFINITY };
      found.push(open);
    }
    if (!isRunning && open !== undefined) {
      open.to = event.at;
      open = undefined;
    }
  }
  return found;
}

/** Steps whose intent stands in the logs and that may make a request, each counted once per direction. */
function intentsFor(run: Run, request: string): number {
  const intents = run.incidents.flatMap(({ events }) => {
    const [seen, drawn] = [new Set<string>(), new Set<string>()];
    let plan: DrawnPlan['plan'] | undefined;
    let digest = '';
    for (const event of events) {
      // What is drawn again under a known digest is not the product's (V4 of evolve.ts).
      if (event.kind === 'planDrawn' && !drawn.has(event.data.digest)) {
        ({ plan, digest } = event.data);
        drawn.add(digest);
      }
      if (event.kind !== 'stepStarted') continue;
      const step = plan?.steps.find(({ id }) => id === event.data.step);
      const call = event.data.direction === 'do' ? step : step?.undo.kind === 'action' ? step.undo : undefined;
      if (call !== undefined && requestsOf(call.action, call.input).some((known) => known === request))
        seen.add(`${digest} ${event.data.direction} ${event.data.step}`);
    }
    return [...seen];
  });
  return intents.length;
}

/** The longest that a request of ours may have been on its way: in a process that froze before it, then late on the network. */
function latestRequest({ stage, witness }: Run): number {
  const met = new Set(witness.meetings.map(({ what }) => what));
  const deeds = stage.plot.happenings.map(({ deed }) => deed);
  const faults = deeds.flatMap((deed) =>
    deed.kind === 'calls' ? [deed.what] : deed.kind === 'weather' ? deed.rates.map(([what]) => what) : [],
  );
  const delays = faults.flatMap((what) => (what.kind === 'arriveLate' ? [what.delay] : []));
  const freezes = deeds.flatMap((deed) =>
    deed.kind === 'blow' && deed.blow.when === 'before' ? [deed.blow.lasts ?? 0] : [],
  );
  return (
    (met.has('call arriveLate') ? Math.max(0, ...delays) : 0) +
    (met.has('frozen before a call') ? Math.max(0, ...freezes) : 0)
  );
}

/** Whether a request may take effect once more than it was meant, by its class and by what this world's APIs check. */
function mayRepeat(run: Run, request: string): boolean {
  const { assumptions } = run.stage.plot;
  if (request.startsWith('cloudsql.instances.update ')) return !assumptions.settingsVersionChecked;
  if (request.startsWith('run.services.update ')) return !assumptions.runEtagChecked;
  // The pod that ends is ended: its uid goes with the request.
  if (request.startsWith('k8s.pods/eviction.create ')) return hadLateRequests(run);
  // Serialised: nothing protects against a request that is later than the late-arrival time, and a second later at that.
  const isSerialised = SERIALISED.some((permission) => request.startsWith(`${permission} `));
  return isSerialised && latestRequest(run) >= run.stage.system.guards.lateArrival - seconds(10);
}

const SERIALISED = [
  'secretmanager.versions.add',
  'cloudsql.backupRuns.create',
  'cloudsql.instances.restart',
  'cloudsql.instances.failover',
] as const;

export const EFFECTS: Readonly<Record<string, Invariant>> = {
  'S3 at most one promotion, but for a way back that people agreed to': (run) => {
    const all = promotionsOf(run).filter(
      (effect) => !consentedBy(run, effect).some(({ plan }) => plan.runbook === 'region-failback'),
    );
    return all.length <= 1 ? [] : [`promoted ${all.map((effect) => described(run, effect)).join(', ')}`];
  },
  'S3 at most one effect per intent': (run) => {
    const counts = new Map<string, number>();
    for (const effect of [...effectsBy(run, 'recover'), ...effectsBy(run, 'heal')])
      counts.set(requestOf(effect), (counts.get(requestOf(effect)) ?? 0) + 1);
    return [...counts].flatMap(([request, count]) => {
      const intents = intentsFor(run, request);
      return count <= intents || mayRepeat(run, request) ? [] : [`${request}: ${count} effects of ${intents} intents`];
    });
  },
  'S4 two runs never hold one target': (run) => {
    const all = spansOf(run);
    return all.flatMap((one, index) =>
      all
        .slice(index + 1)
        .filter(({ from, to }) => one.from < to && from < one.to)
        .filter(({ id, holds }) => id !== one.id && holds.some((target) => one.holds.includes(target)))
        .map(({ id }) => `${one.id} and ${id} ran at once`),
    );
  },
  'S4 nothing is changed by whom has lost the right to': (run) =>
    [...effectsBy(run, 'recover'), ...effectsBy(run, 'heal')]
      .filter(({ asker }) => asker?.mayAct === false)
      .map((effect) => `${described(run, effect)} by ${effect.asker?.process ?? ''} without the lease`),
};
