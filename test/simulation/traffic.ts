import { hasEnded } from '../../shared/incident/state.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { seconds } from '../../shared/core/time.ts';
import { described, effectsBy, hadLateRequests, type Invariant, isForged, when } from './judged.ts';
import type { Run } from './run.ts';
import type { Effect } from './witness.ts';

// Users are led only to who serves, away only from who does not, and what was lent is not forgotten.

/** Whether an effect leads users elsewhere. */
export const isMove = ({ call }: Pick<Effect, 'call'>): boolean =>
  call.permission === 'compute.urlMaps.update' || call.permission === 'dns.changes.create';

/** From the last look before a move to its effect: the answers of a look, the intent, and a lost reply in between. */
const LOOKED_BEFORE = seconds(90);

/** Whether the plot changed how the API serves shortly before a moment. */
const changedBefore = (run: Run, at: number): boolean =>
  run.stage.plot.happenings.some(({ trigger, deed }) => {
    if (deed.kind !== 'break' && deed.kind !== 'mend' && deed.kind !== 'hand') return false;
    // A crowded service answers one request and turns the next one away, for as long as the crowd is there.
    if ('fault' in deed && deed.fault === 'cloud-run-pressure') return true;
    // What is timed by a step happens while the run goes on.
    if (trigger.kind !== 'at') return true;
    const moment = run.stage.world.startedAt + trigger.ms;
    return moment <= at && at - moment < LOOKED_BEFORE;
  });

export const TRAFFIC: Readonly<Record<string, Invariant>> = {
  'S13 users are led only to who serves': (run) =>
    hadLateRequests(run)
      ? []
      : effectsBy(run, 'recover')
          .filter((effect) => isMove(effect) && effect.ill.includes(effect.leadsTo))
          .filter(({ at }) => !changedBefore(run, at))
          .map((effect) => `${described(run, effect)} to ${effect.leadsTo}, which did not serve`),
  'S13 users are led away only from who does not serve': (run) =>
    hadLateRequests(run)
      ? []
      : effectsBy(run, 'recover')
          .filter((effect) => isMove(effect) && effect.leadsTo === SERVICES.apiRun)
          .filter(({ at, ill }) => !ill.includes(SERVICES.apiGke) && !changedBefore(run, at))
          .map((effect) => `${described(run, effect)} away from a cluster that served`),
  'L6 what a standby was lent is taken back, in use, or known to somebody': (run) => {
    if (run.incidents.some((incident) => isForged(run, incident))) return [];
    const service = { location: REFERENCE.region, service: REFERENCE.api };
    const { scaling } = run.stage.world.run.service(service).spec;
    if (scaling.mode === 'MANUAL' || scaling.min !== 3) return [];
    const isWritten = run.kept.includes('"recordedAtMs"');
    const isOpen = run.incidents.some(({ state }) => !hasEnded(state));
    return isWritten || isOpen ? [] : [`api-run was left at ${scaling.min} instances ${when(run, run.endedAt)}`];
  },
};
