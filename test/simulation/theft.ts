import { parseDatabaseUrl } from '../../sandbox/world/application-database.ts';
import { functionPrincipal, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { REFERENCE_EVIDENCE } from '../../sandbox/world/reference-world.ts';
import { described, effectsBy, type Invariant, isForged, ON_ITS_WAY, promotionsOf } from './judged.ts';
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

const isAnswered = ({ events }: RunIncident): boolean =>
  events.some((event) => event.kind === 'planDrawn' && event.data.plan.runbook === 'breach-response');

/** The password with which the application's user is let in now. */
const passwordOn = ({ stage }: Run, instance: string): string | undefined =>
  stage.world.sql.fleet.servers.passwordOf(instance, REFERENCE.databaseUser);

/** Whether people got the run after its former value could not be put back; another plan may be held by a brake since. */
function isToldOfPutBack(events: RunIncident['events']): boolean {
  const failed = events.findIndex(({ kind, data }) => kind === 'stepFailed' && data.step.startsWith('put-back-'));
  return failed >= 0 && events.slice(failed).some(({ kind }) => kind === 'needsPerson');
}

/** All of them, by what they say. */
export const THEFT: Readonly<Record<string, Invariant>> = {
  'S15 what a restart takes along is in the bucket before it': (run) =>
    run.incidents
      .filter((incident) => !isForged(run, incident))
      .filter(isAnswered)
      .flatMap((incident) => {
        const since = Math.min(sealedAt(incident, run) ?? Infinity, givenUpAt(incident) ?? Infinity);
        return effectsBy(run, 'recover')
          .filter(({ call }) => call.permission === 'k8s.apps.deployments.patch' && call.resource === REPLACES)
          .filter(({ at }) => at + run.stage.system.guards.clockSkew < since)
          .map((effect) => `${described(run, effect)}, before the evidence of ${incident.state.id} was sealed`);
      }),
  'S16 whoever starts anew is let in by the URL that it reads, or people know': (run) => {
    const { world } = run.stage;
    const primary = world.primaryInUse();
    const url = parseDatabaseUrl(world.secrets.readSecret(REFERENCE.databaseSecret) ?? '');
    const answered = run.incidents.filter((incident) => isAnswered(incident) && !isForged(run, incident));
    // People have it, or they were told that a secret could not be put back, then or in the end.
    const isKnown = answered.some(
      ({ state, events }) =>
        state.phase.kind === 'needsPerson' ||
        state.phase.kind === 'takenOver' ||
        events.some((event) => event.kind === 'resolved' && event.data.text.includes('put-back-')) ||
        isToldOfPutBack(events),
    );
    // A promotion may lose the row of the new password; and the thief may have changed it again after us.
    const last = world.kernel.audit.effects('cloudsql.users.update').at(-1);
    const isOurs = last === undefined || last.call.principal === functionPrincipal('recover');
    const isLost = answered.length === 0 || isKnown || !isOurs || promotionsOf(run).length > 0;
    return isLost || passwordOn(run, primary) === url?.password
      ? []
      : [`the newest URL names a password that ${primary} refuses, and nobody was told`];
  },
  'S2 a URL that was disabled lets nobody in': (run) => {
    const ends = effectsBy(run, 'recover').filter(
      ({ call }) =>
        call.permission === 'secretmanager.versions.disable' &&
        call.resource === `secrets/${REFERENCE.databaseSecret}/versions/1:disable`,
    );
    const { world } = run.stage;
    const stolen = world.sql.fleet.servers.logins.get(REFERENCE.databaseUser);
    return ends.length > 0 && promotionsOf(run).length === 0 && passwordOn(run, world.primaryInUse()) === stolen
      ? [`${world.primaryInUse()} lets the stolen password in, although its URL was disabled`]
      : [];
  },
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
