import type { ConfigPath, Contradiction } from './config-fault.ts';
import { nearestWord } from './nearest-word.ts';
import { repeated } from './repeated.ts';
import type { Application, Database, System } from './system.ts';
import { regionOf, standsInFor } from './regions.ts';
import {
  APPLICATION_OF,
  consumersOf,
  databaseOf,
  dependenciesOf,
  instancesOf,
  namesOf,
  targetNamed,
} from './topology.ts';
import { writeDuration } from './write-duration.ts';

/** What regions, databases, applications and alerts can't be together. */
export function targetContradictions(system: System): readonly Contradiction[] {
  return [
    ...regions(system),
    ...names(system),
    ...system.databases.flatMap((database, index) => [
      ...remedies(database, ['databases', index]),
      ...losses(system, database, ['databases', index]),
      ...restores(system, database, ['databases', index, 'restore']),
      ...recoveries(system, database, ['databases', index, 'recovery']),
    ]),
    ...system.applications.flatMap((application, index) => [
      ...dependencies(system, application, ['applications', index]),
      ...secrets(system, application, ['applications', index]),
    ]),
    ...alerts(system),
  ];
}

function regions(system: System): readonly Contradiction[] {
  const { protectedRegions, controlRegions } = system;
  const place = (key: string): ConfigPath => ['system', key];
  const found: Contradiction[] = [];
  if (new Set(controlRegions).size < 2) {
    const problem = 'has fewer than two regions, so the loss of one is the loss of dr-autopilot';
    found.push({ path: place('controlRegions'), problem, wanted: 'two regions' });
  }
  if (controlRegions.length > 0 && controlRegions.every((region) => protectedRegions.includes(region))) {
    found.push({
      path: place('controlRegions'),
      problem: 'lies wholly in protected regions: what destroys the system would destroy its recovery',
      wanted: `at least one region that is none of ${protectedRegions.join(', ')}`,
      involves: [place('protectedRegions')],
    });
  }
  const unprotected = ({ region, path }: { readonly region: string; readonly path: ConfigPath }): Contradiction => ({
    path,
    problem: `puts something of the system into ${region}, which is not listed as protected`,
    wanted: `${region} in system.protectedRegions`,
    involves: [place('protectedRegions')],
  });
  return [
    ...found,
    ...placesOf(system)
      .filter(({ region }) => !protectedRegions.includes(region))
      .map(unprotected),
  ];
}

function placesOf(system: System): readonly { readonly region: string; readonly path: ConfigPath }[] {
  return [
    ...system.databases.flatMap(({ region, replicas, spares }, index) => [
      { region, path: ['databases', index, 'region'] },
      ...replicas.map((replica, of) => ({
        region: replica.region,
        path: ['databases', index, 'replicas', of, 'region'],
      })),
      ...spares.map((spare, of) => ({ region: spare.region, path: ['databases', index, 'spares', of, 'region'] })),
    ]),
    ...system.applications.map((application, index) =>
      application.kind === 'gke'
        ? { region: regionOf(application), path: ['applications', index, 'location'] }
        : { region: application.region, path: ['applications', index, 'region'] },
    ),
  ];
}

function names(system: System): readonly Contradiction[] {
  const named = [
    ...system.databases.flatMap((database, index) =>
      instancesOf(database).map((name, of) => ({
        name: String(name),
        path: of === 0 ? ['databases', index, 'instance'] : ['databases', index, 'replicas', of - 1, 'instance'],
      })),
    ),
    ...system.databases.flatMap(({ spares }, index) =>
      spares.map(({ instance }, of) => ({
        name: String(instance),
        path: ['databases', index, 'spares', of, 'instance'],
      })),
    ),
    ...system.applications.map(({ id }, index) => ({ name: id, path: ['applications', index, 'id'] })),
  ];
  const found: Contradiction[] = repeated(named, ({ name }) => name).map(({ item }) => ({
    path: item.path,
    problem: `is a name that stands here twice, so nobody knows what "${item.name}" means`,
    wanted: 'a name of its own for each instance and application',
  }));
  for (const { index, first } of repeated(system.applications, thingOf)) {
    found.push({
      path: ['applications', index],
      problem: `is the same thing as applications[${first}], and two runs could hold it at once`,
      wanted: 'one entry for each Deployment or service',
    });
  }
  if (named.length > 0) return found;
  const problem = 'is empty, and so are the applications: there is nothing to protect';
  return [{ path: ['databases'], problem, wanted: 'a database or an application', involves: [['applications']] }];
}

function thingOf(application: Application): string {
  return application.kind === 'gke'
    ? `gke ${application.location} ${application.cluster} ${application.namespace} ${application.deployment}`
    : `cloudRun ${application.region} ${application.service}`;
}

/** From the least to the most (design.md section 8). */
const ORDER = ['wait', 'failover', 'restart', 'promote'] as const;

function remedies(database: Database, path: ConfigPath): readonly Contradiction[] {
  const listed = database.remedies;
  const place = [...path, 'remedies'];
  const inOrder = ORDER.filter((remedy) => listed.includes(remedy));
  const found: Contradiction[] = [];
  if (listed.every((remedy) => remedy === 'wait')) {
    const problem = 'lists nothing that could bring the database back';
    found.push({ path: place, problem, wanted: 'at least one of failover, restart, promote' });
  }
  if (inOrder.join() !== listed.join()) {
    const problem = 'is not in the order in which they are tried, the least first';
    found.push({ path: place, problem, wanted: `[${inOrder.join(', ')}]` });
  }
  if (listed.includes('promote') && database.replicas.length === 0) {
    const problem = 'lists promote, and there is no replica to promote';
    found.push({ path: place, problem, wanted: 'a replica, or no promote', involves: [[...path, 'replicas']] });
  }
  return found;
}

function losses(system: System, database: Database, path: ConfigPath): readonly Contradiction[] {
  const found: Contradiction[] = [];
  const { rpo } = system.objectives;
  const place = [...path, 'lossBudget'];
  if (database.lossBudget === 0) {
    const problem = 'is zero: replication always lags a little, so no promotion could ever be within it';
    found.push({ path: place, problem, wanted: 'more than 0s, at most the rpo' });
  }
  if (database.lossBudget > rpo) {
    const problem = `is above the rpo of ${writeDuration(rpo)}: the objective would be missed without anybody being asked`;
    found.push({ path: place, problem, wanted: `at most ${writeDuration(rpo)}`, involves: [['objectives', 'rpo']] });
  }
  if (consumersOf(system, database.instance).length === 0) {
    found.push({
      path: [...path, 'instance'],
      problem: 'has no consumer here: whoever connects to it would be left on a stale primary',
      wanted: `every consumer under applications, with dependsOn: [${database.instance}]`,
      involves: [['applications']],
    });
  }
  return found;
}

/** A copy must not have the name of anything that is protected, and a check must be able to fail. */
function restores(system: System, { restore }: Database, path: ConfigPath): readonly Contradiction[] {
  if (restore === undefined) return [];
  const found: Contradiction[] = restore.checks.flatMap(({ atLeast, equals }, index) =>
    atLeast === undefined && equals === undefined
      ? [
          {
            path: [...path, 'checks', index],
            problem: 'has no value that it must have, so it can’t fail',
            wanted: 'atLeast, equals, or both',
          },
        ]
      : [],
  );
  const owner = system.databases.find((other) => namesOf(other).includes(restore.instance));
  if (owner === undefined) return found;
  const problem = `is an instance of ${owner.instance}, and a copy is never written over one`;
  return [{ path: [...path, 'instance'], problem, wanted: 'a name that no instance has' }, ...found];
}

/** A clone must not have the name of anything else, and what may be paused must be no consumer: pausing that is an outage. */
function recoveries(system: System, { recovery }: Database, path: ConfigPath): readonly Contradiction[] {
  if (recovery === undefined) return [];
  const found: Contradiction[] = [];
  if (recovery.instances.length === 0)
    found.push({ path: [...path, 'instances'], problem: 'is empty, so no clone could be made', wanted: 'a name' });
  const others = system.databases.flatMap((other) => [
    ...namesOf(other),
    ...(other.restore === undefined ? [] : [other.restore.instance]),
    ...(other.recovery === undefined || other.recovery === recovery ? [] : other.recovery.instances),
  ]);
  for (const [index, instance] of recovery.instances.entries())
    if (others.includes(instance) || recovery.instances.filter((other) => other === instance).length > 1)
      found.push({
        path: [...path, 'instances', index],
        problem: 'is the name of another instance, and a clone takes nobody’s place',
        wanted: 'a name that no instance has',
      });
  for (const [index, writer] of recovery.writers.entries()) {
    const isConsumer = system.applications.some(
      (application) =>
        application.id === writer.name ||
        (application.kind === 'gke' &&
          application.namespace === writer.namespace &&
          application.deployment === writer.deployment),
    );
    const problem = isConsumer
      ? 'is an application of this file: pausing it is an outage, and has runbooks of its own'
      : recovery.writers.findIndex(({ name }) => name === writer.name) !== index
        ? 'stands twice, and nobody could tell which of them to pause'
        : undefined;
    if (problem !== undefined)
      found.push({
        path: [...path, 'writers', index],
        problem,
        wanted: 'a Deployment that writes beside the consumers',
        involves: [['applications']],
      });
  }
  return found;
}

function dependencies(system: System, application: Application, path: ConfigPath): readonly Contradiction[] {
  const known = [...system.databases.map(({ instance }) => instance), ...system.applications.map(({ id }) => id)];
  const place = [...path, 'dependsOn'];
  const found: Contradiction[] = application.dependsOn.flatMap((name, index) => {
    if (targetNamed(system, name) !== undefined) return [];
    const owner = system.databases.find((database) => namesOf(database).some((instance) => instance === name));
    const problem = owner === undefined ? 'is no target of this file' : 'is a replica, and replicas come and go';
    const wanted = owner?.instance ?? nearestWord(name, known) ?? `one of: ${known.join(', ')}`;
    return [{ path: [...place, index], problem, wanted, involves: [['databases'], ['applications']] }];
  });
  const self = application.dependsOn.includes(application.id);
  const onItself = (needed: string): boolean => {
    const ref = targetNamed(system, needed);
    const further = ref === undefined ? [] : dependenciesOf(system, ref);
    return further.some((other) => other.kind === 'application' && other.id === application.id);
  };
  if (self || application.dependsOn.some(onItself)) {
    const problem =
      'leads back to itself: a failure would be a symptom of its own symptom, and nothing would be its cause';
    found.push({ path: place, problem, wanted: 'dependencies in one direction', involves: [['applications']] });
  }
  return found;
}

function secrets(system: System, application: Application, path: ConfigPath): readonly Contradiction[] {
  const databases = system.databases.filter(({ instance }) => application.dependsOn.includes(instance));
  const place = [...path, 'databaseSecret'];
  const involves = [[...path, 'dependsOn'], ['databases']];
  const found: Contradiction[] = [];
  const { databaseSecret, probes } = application;
  if (databaseSecret !== undefined && databases.length === 0 && standsInFor(system, application.id) === undefined) {
    const problem = 'is said to hold a database URL, but the application depends on no database of this file';
    const wanted = 'the database in dependsOn, or no databaseSecret';
    found.push({ path: place, problem, wanted, involves: [...involves, ['regions']] });
  }
  if (databases.length > 1) {
    const problem = 'names two databases, and one secret holds one URL';
    found.push({ path: [...path, 'dependsOn'], problem, wanted: 'one database for each application', involves });
  }
  if (!databases.some((database) => database.remedies.includes('promote'))) return found;
  if (databaseSecret === undefined) {
    const problem = 'is missing: after a promotion nothing could move the application to the new primary';
    found.push({ path: place, problem, wanted: 'the secret that holds its database URL', involves });
  }
  if (probes.vantage === undefined) {
    const problem = 'is missing: with the consumers held, no fence could be proved from where they connect';
    found.push({
      path: [...path, 'probes', 'vantage'],
      problem,
      wanted: 'the address of a prober in the same place',
      involves,
    });
  }
  const isOnAnother = ({ id }: Application): boolean => {
    const database = databaseOf(system, { kind: 'application', id });
    return database !== undefined && database !== databases[0];
  };
  const sharing =
    databaseSecret === undefined ? [] : system.applications.filter((one) => one.databaseSecret === databaseSecret);
  const other = sharing.find(isOnAnother);
  if (other !== undefined) {
    const problem = `is shared with ${other.id}, which depends on another database: one secret holds one URL`;
    found.push({
      path: place,
      problem,
      wanted: 'a secret for each database',
      involves: [['applications'], ['databases']],
    });
  }
  return found;
}

function alerts(system: System): readonly Contradiction[] {
  const known = [...system.databases.map(({ instance }) => instance), ...system.applications.map(({ id }) => id)];
  const found: Contradiction[] = repeated(system.alerts, ({ policy }) => policy).map(({ index, first }) => ({
    path: ['alerts', index, 'policy'],
    problem: `is the policy of alerts[${first}] too, and a notification carries nothing but its name`,
    wanted: 'each policy once',
  }));
  system.alerts.forEach(({ target, runbook }, index) => {
    const path = ['alerts', index, 'target'];
    const kindWanted = APPLICATION_OF[runbook];
    if (target === undefined || kindWanted === 'system') {
      if (target === undefined && kindWanted === 'system') return;
      found.push(
        target === undefined
          ? { path: ['alerts', index], problem: 'has no target', wanted: `one of: ${known.join(', ')}` }
          : { path, problem: `is a target, and ${runbook} is about the whole system`, wanted: 'no target' },
      );
      return;
    }
    const ref = targetNamed(system, target);
    if (ref === undefined) {
      const owner = system.databases.find((database) => namesOf(database).some((instance) => instance === target));
      const wanted = owner?.instance ?? nearestWord(target, known) ?? `one of: ${known.join(', ')}`;
      found.push({ path, problem: 'is no target of this file', wanted, involves: [['databases'], ['applications']] });
      return;
    }
    const isFor =
      kindWanted === undefined
        ? [ref, ...dependenciesOf(system, ref)].some(({ kind }) => kind === 'database')
        : system.applications.some(({ kind, id }) => kind === kindWanted && id === target);
    if (isFor) return;
    const wanted =
      kindWanted === undefined
        ? 'a database, or what depends on one'
        : kindWanted === 'application' || kindWanted === 'region'
          ? 'another runbook: this one is started by people'
          : `an application of kind ${kindWanted}`;
    found.push({
      path,
      problem: `is nothing that ${runbook} could recover`,
      wanted,
      involves: [['alerts', index, 'runbook'], ['databases'], ['applications']],
    });
  });
  return found;
}
