import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { REFERENCE_EVIDENCE } from '../../sandbox/world/reference-world.ts';
import { described, effectsBy, type Invariant, isForged, ON_ITS_WAY } from './judged.ts';
import type { Run, RunIncident } from './run.ts';

// What a breach response was worth, by what the applications let a thief in to.

const DISABLE = `secrets/${REFERENCE.signingSecret}/versions/`;

/** What replaces the API's pods, and all that they know. */
const REPLACES = `namespaces/${REFERENCE.namespace}/deployments/${REFERENCE.api}`;

/** From when the bucket had all that was kept of an incident, by the manifest that comes last; `undefined` when it never had. */
function sealedAt({ state: { id } }: RunIncident, { stage }: Run): number | undefined {
  const manifests = stage.world.storage.list(REFERENCE_EVIDENCE.name, { prefix: `${id}/manifest-`, versions: true });
  return manifests.length === 0 ? undefined : Math.min(...manifests.map(({ createdAt }) => createdAt));
}

/** From when it was known that nothing can be put there: then no stolen key is kept alive for it. */
const givenUpAt = ({ events }: RunIncident): number | undefined =>
  events.find((event) => event.kind === 'stepFailed' && event.data.step === 'seal-evidence')?.at;

/** All of them, by what they say. */
export const THEFT: Readonly<Record<string, Invariant>> = {
  'S15 what a restart takes along is in the bucket before it': (run) =>
    run.incidents
      .filter((incident) => !isForged(run, incident))
      .filter(({ events }) =>
        events.some((event) => event.kind === 'planDrawn' && event.data.plan.runbook === 'breach-response'),
      )
      .flatMap((incident) => {
        const since = Math.min(sealedAt(incident, run) ?? Infinity, givenUpAt(incident) ?? Infinity);
        return effectsBy(run, 'recover')
          .filter(({ call }) => call.permission === 'k8s.apps.deployments.patch' && call.resource === REPLACES)
          .filter(({ at }) => at + run.stage.system.guards.clockSkew < since)
          .map((effect) => `${described(run, effect)}, before the evidence of ${incident.state.id} was sealed`);
      }),
  'S2 a key that was disabled lets nobody in': (run) => {
    // Whoever still held the key when it was disabled lets its thief in for as long as it lives.
    const ends = effectsBy(run, 'recover').filter(
      ({ call }) => call.permission === 'secretmanager.versions.disable' && call.resource.startsWith(DISABLE),
    );
    return ends.flatMap((effect) =>
      run.stage.world.intruder
        .report()
        .filter(({ lastAdmittedAt = 0 }) => lastAdmittedAt > effect.at + ON_ITS_WAY)
        .map(({ service }) => `${service} let the thief in after ${described(run, effect)}`),
    );
  },
};
