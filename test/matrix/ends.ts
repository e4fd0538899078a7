import { REFERENCE, SECONDARY } from '../../sandbox/world/reference-system.ts';
import { isSpoilt, TENANTS, textIn } from '../../sandbox/world/sql-schema.ts';
import { SqlTables } from '../../sandbox/world/sql-tables.ts';
import { effects } from '../stories/judge.ts';
import type { Stage } from '../stories/story.ts';
import type { MatrixStory } from './plan.ts';

// What must be true of the world when a story has ended, beside what is asked of every one (verdict.ts): sentences about what is not.

type Wrongs = NonNullable<MatrixStory['wrongs']>;

const PRIMARY = 'coditect-dms-db';

const unless = (held: boolean, complaint: string): string | undefined => (held ? undefined : complaint);

const leadsTo = ({ sandbox }: Stage, backend: string): string | undefined => {
  const { defaultService } = sandbox.world.balancers.urlMap('coditect-dms-ingress');
  return unless(defaultService === backend, `users are led to ${defaultService}`);
};

const isGone = ({ sandbox }: Stage, instance: string): string | undefined =>
  unless(sandbox.world.sql.fleet.find(instance) === undefined, `${instance} is still there`);

const hasPower = ({ sandbox }: Stage, instance: string, wanted: 'stopped'): string | undefined => {
  const { power } = sandbox.world.sql.fleet.server(instance);
  return unless(power === wanted, `${instance} is ${power}`);
};

/** A Cloud Run service has the limits that it had before. */
const hasLimits = ({ sandbox }: Stage): string | undefined => {
  const { min, max } = sandbox.world.run.service({ location: REFERENCE.region, service: REFERENCE.api }).spec.scaling;
  return unless(min === 1 && max === 4, `${REFERENCE.api} may have ${min} to ${max} instances`);
};

/** How often rows were brought back, by the record that commits with them. */
export const imports = ({ sandbox }: Stage): number =>
  SqlTables.of(sandbox.world.sql.fleet.server(PRIMARY).history).rows('dr_row_imports').length;

const importedOnce = (stage: Stage): string | undefined =>
  unless(imports(stage) === 1, `rows were imported ${imports(stage)} times`);

const documents = ({ sandbox }: Stage) =>
  SqlTables.of(sandbox.world.sql.fleet.server(PRIMARY).history)
    .rows('documents')
    .filter((row) => textIn(row, 'request_id').startsWith('before-'));

/** Users are back where they were, and what stood in for it is what it was. */
export const everybodyIsBack: Wrongs = (stage) => [leadsTo(stage, 'coditect-dms-gke'), hasLimits(stage)];

/** What was raised was given back. */
export const limitsAreBack: Wrongs = (stage) => [hasLimits(stage)];

/** One customer's documents are back, once, and the copy is gone. */
export const customerHasDocuments: Wrongs = (stage) => {
  const back = documents(stage).filter((row) => row['tenant_id'] === TENANTS[1].id).length;
  return [
    unless(back > 50, `the customer has ${back} documents`),
    importedOnce(stage),
    isGone(stage, REFERENCE.restored),
  ];
};

/** No row is spoilt any more, none that was written since is lost, whoever was paused writes again, and the clone is gone. */
export const rowsAreGood: Wrongs = (stage) => {
  const { world, load } = stage.sandbox;
  const { history } = world.sql.fleet.server(PRIMARY);
  const spoilt = documents(stage).filter(isSpoilt).length;
  const { lost } = load.loss((id) => history.hasApplicationRow(id));
  const { replicas } = world.kubernetes.store.read('Deployment', REFERENCE.namespace, REFERENCE.bulkImport).spec;
  return [
    unless(spoilt === 0, `${spoilt} rows are spoilt`),
    unless(lost === 0, `${lost} writes of users are lost`),
    unless(replicas === 1, `${REFERENCE.bulkImport} has ${replicas} replicas`),
    importedOnce(stage),
    isGone(stage, REFERENCE.clones[0]),
  ];
};

/** The thief is let in nowhere, both keys are new, and nobody is cut off any more or served by who was. */
export const thiefIsOut: Wrongs = (stage) => {
  const { world } = stage.sandbox;
  const met = world.intruder
    .report()
    .filter(({ lastAdmittedAt = 0, lastRefusedAt = 0 }) => lastRefusedAt <= lastAdmittedAt);
  const states = [REFERENCE.signingSecret, REFERENCE.paymentSecret].map((secret) =>
    world.secrets.versions(secret).map(({ number, state }) => `${number} ${state}`),
  );
  const policies = world.kubernetes.store.list('NetworkPolicy', REFERENCE.namespace).length;
  return [
    unless(met.length === 0, `the thief is let in at ${met.map(({ service }) => service).join(', ')}`),
    unless(
      states.every((versions) => versions.join() === '2 ENABLED,1 DISABLED'),
      `the keys are ${states.join('; ')}`,
    ),
    unless(policies === 0, `${policies} policies cut somebody off`),
  ];
};

/** Users are served in the secondary, and the old primary is stopped. */
export const secondaryServes: Wrongs = (stage) => [
  leadsTo(stage, SECONDARY.backendService),
  hasPower(stage, PRIMARY, 'stopped'),
];

/** Everything is at home: no acknowledged write was lost on the way, nothing was deleted, and the secondary follows again. */
export const everythingIsHome: Wrongs = (stage) => {
  const { world, load } = stage.sandbox;
  const [home, there] = REFERENCE.spares;
  const { fleet } = world.sql;
  const has = (name: string, id: string): boolean => fleet.servers.server(name)?.history.hasApplicationRow(id) === true;
  const { lost } = load.loss((id) => !has(SECONDARY.instance, id) || has(home, id));
  const deleted = effects(stage, 'cloudsql.instances.delete').length;
  return [
    leadsTo(stage, 'coditect-dms-gke'),
    hasPower(stage, SECONDARY.instance, 'stopped'),
    unless(lost === 0, `${lost} writes were lost on the way home`),
    unless(deleted === 0, `${deleted} instances were deleted`),
    unless(fleet.find(there)?.primary === home, `${there} does not follow ${home}`),
  ];
};
