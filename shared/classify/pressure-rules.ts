import type { CloudRunApplication, GkeApplication } from '../system/system.ts';
import { consumersOf, databaseOf } from '../system/topology.ts';
import { about, forApplication } from './application-rules.ts';
import type { Crowding } from './crowding.ts';
import type { ApplicationEvidence, Evidence, PressureEvidence } from './evidence.ts';
import { type Match, nextLook, type Rule } from './rule.ts';

// A Cloud Run service that turns requests away because it may have no further instance. More of them are tried once, within the
// limits of dr.yaml; where they can't help, or did not, people are told.

interface Pressed {
  readonly service: CloudRunApplication;
  readonly pressure: PressureEvidence;
}

/** A service under pressure for which nothing upstream explains it, nor a failure of what shares its database. */
function forPressed(
  match: (pressed: Pressed, application: ApplicationEvidence, evidence: Evidence) => Match | undefined,
): Rule['when'] {
  return forApplication((found, evidence) => {
    const { application, pressure } = found;
    if (application.kind !== 'cloudRun' || pressure === undefined || sharesAFailure(found, evidence)) return undefined;
    return match({ service: application, pressure }, found, evidence);
  });
}

/** Whether another consumer of its database fails as a whole: then it is not the number of instances that is lacking. */
function sharesAFailure(
  { application }: ApplicationEvidence,
  { applications, inquiry: { system } }: Evidence,
): boolean {
  const database = databaseOf(system, { kind: 'application', id: application.id });
  if (database === undefined) return false;
  const others = new Set(consumersOf(system, database.instance).map(({ id }) => id));
  return applications.some(
    (other) =>
      other.application.id !== application.id && others.has(other.application.id) && other.failing !== undefined,
  );
}

/** Why this incident raises nothing further; `undefined` while it may. */
function whyNoFurther({ inquiry }: Evidence, application: string, what: string): string | undefined {
  if (inquiry.raiseRefused !== undefined) return inquiry.raiseRefused;
  const isLeft = inquiry.leftRaised?.some((raised) => raised.application === application) === true;
  return isLeft || inquiry.raisedInVain === true ? `this incident has raised its ${what} once already` : undefined;
}

const raisedInVain: Rule = {
  scenario: 'service-under-pressure',
  code: 'limitsRaisedBefore',
  describe:
    'A service is under pressure though this incident has raised its limits, or was refused that: people, and no further raise.',
  when: forPressed(({ service, pressure }, application, evidence) => {
    const why = whyNoFurther(evidence, service.id, 'limits');
    return why === undefined
      ? undefined
      : about(application, evidence, {
          confidence: 'confirmed',
          outcome: { kind: 'person' },
          text: `${service.id}: ${pressure.text}, and ${why}`,
          wouldChangeMind: ['what makes its requests slow or fail is mended', 'the load goes down'],
        });
  }),
};

const atCeiling: Rule = {
  scenario: 'service-under-pressure',
  code: 'noInstanceLeft',
  describe: 'A service is under pressure at the most instances that dr.yaml or its revision allows: people.',
  when: forPressed(({ service, pressure }, application, evidence) => {
    if (ceilingOf(service, pressure.revisionMax) > pressure.max) return undefined;
    const isRevision = (pressure.revisionMax ?? Number.POSITIVE_INFINITY) < service.maxInstances;
    const limit = isRevision
      ? `its revision allows no more than ${pressure.revisionMax ?? 0}`
      : `maxInstances of dr.yaml is ${service.maxInstances}`;
    return about(application, evidence, {
      confidence: pressure.isSteady ? 'confirmed' : 'likely',
      outcome: pressure.isSteady ? { kind: 'person' } : nextLook(evidence),
      text: `${service.id}: ${pressure.text}; ${limit}`,
      wouldChangeMind: ['that limit is raised', 'the load goes down'],
    });
  }),
};

const underPressure: Rule = {
  scenario: 'service-under-pressure',
  code: 'instancesExhausted',
  describe: 'A service turns requests away with all its instances busy, and nothing upstream is ill: more instances.',
  when: forPressed(({ service, pressure }, application, evidence) =>
    about(application, evidence, {
      confidence: pressure.isSteady ? 'confirmed' : 'likely',
      outcome: pressure.isSteady ? { kind: 'act', runbook: 'service-scale-up' } : nextLook(evidence),
      text: `${service.id}: ${pressure.text}`,
      wouldChangeMind: ['requests are answered again', 'an instance is free', 'what it depends on turns out to be ill'],
    }),
  ),
};

const slowElsewhere: Rule = {
  scenario: 'service-under-pressure',
  code: 'slowForAnotherReason',
  describe:
    'A service answers slowly, and not for want of instances: they wait for something else, or are free. People, and no raise.',
  when: forApplication((found, evidence) => {
    const { application, slowness } = found;
    if (application.kind !== 'cloudRun' || slowness === undefined) return undefined;
    return about(found, evidence, {
      confidence: slowness.isSteady ? 'confirmed' : 'likely',
      outcome: slowness.isSteady ? { kind: 'person' } : nextLook(evidence),
      text: `${application.id}: ${slowness.text}. More instances would ask more of what its requests wait for`,
      wouldChangeMind: ['requests are fast again', 'its instances work at all that they have'],
    });
  }),
};

/** A crowded Deployment for which nothing upstream explains it, nor a failure of what shares its database. */
const deploymentCrowded: Rule = {
  scenario: 'deployment-under-pressure',
  code: 'podsBusy',
  describe: 'Requests fail with all the pods of a Deployment busy, and nothing upstream is ill: more replicas, once.',
  when: forApplication((found, evidence) => {
    const { application, crowding } = found;
    if (application.kind !== 'gke' || crowding === undefined || sharesAFailure(found, evidence)) return undefined;
    const ceiling = replicasMax(application, crowding);
    const further = whyNoFurther(evidence, application.id, 'replicas');
    const why =
      further !== undefined
        ? `, and ${further}`
        : ceiling <= crowding.replicas
          ? `; it may have no more than ${ceiling} replicas (maxReplicas of dr.yaml, or its autoscaler's maximum)`
          : '';
    const isForPeople = why !== '';
    return about(found, evidence, {
      confidence: crowding.isSteady ? 'confirmed' : 'likely',
      outcome: !crowding.isSteady
        ? nextLook(evidence)
        : isForPeople
          ? { kind: 'person' }
          : { kind: 'act', runbook: 'deployment-scale-up' },
      text: `${application.id}: ${crowding.text}${why}`,
      wouldChangeMind: ['requests are answered again', 'a pod is free', 'what it depends on turns out to be ill'],
    });
  }),
};

/** The most replicas that may be asked for. */
const replicasMax = ({ maxReplicas }: GkeApplication, { autoscaler }: Pick<Crowding, 'autoscaler'>): number =>
  Math.min(maxReplicas, autoscaler?.max ?? Number.POSITIVE_INFINITY);

/** The most instances that may be asked for. */
const ceilingOf = ({ maxInstances }: CloudRunApplication, revisionMax: number | undefined): number =>
  Math.min(maxInstances, revisionMax ?? Number.POSITIVE_INFINITY);

/** In the order in which they are asked. */
export const PRESSURE_RULES: readonly Rule[] = [
  raisedInVain,
  atCeiling,
  underPressure,
  slowElsewhere,
  deploymentCrowded,
];
