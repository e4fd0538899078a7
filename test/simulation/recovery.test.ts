import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { DELETE_CLONES, RELEASE_WRITER } from '../../shared/ports/recovery-words.ts';
import { BROKEN_AT, atEach, atEvent, atStep, calm, later, troubles } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// Rows are spoilt, a person asks for what was there before: the database is cloned once, at once, whoever spoils is paused once, and all of
// it ends when people say so, whatever happens to the workers meanwhile. Rows are not compared here: the model has no engine.

const [CLONE] = REFERENCE.clones;

/** Until a clone waits for people; and until they have ended it as well. */
const CLONED: Partial<Plot> = { endsAtMs: BROKEN_AT + minutes(120), faultsUntilMs: BROKEN_AT + minutes(20) };
const ENDED: Partial<Plot> = { ...CLONED, faultsUntilMs: BROKEN_AT + minutes(60) };

/** Plays a plot in which everything must hold: a job spoils rows from the break on, and two minutes later somebody asks. */
async function played(
  happenings: readonly Happening[],
  length: Partial<Plot> = CLONED,
  askedAfter = minutes(2),
): Promise<Run> {
  const breaks = later(0, { kind: 'break', fault: 'data-corruption' });
  const asks = later(askedAfter, {
    kind: 'operate',
    operation: { by: 'command', verb: 'start', runbook: 'point-in-time-recovery' },
  });
  const run = await simulate(1, { ...calm([], length), happenings: [breaks, asks, ...happenings] });
  expect(violations(run)).toEqual([]);
  return run;
}

const kinds = (run: Run): readonly string[] => about(run)?.events.map(({ kind }) => kind) ?? [];

/** Effects by permission, on what. */
const effects = ({ witness }: Run, permission: string): readonly string[] =>
  witness.effects.filter(({ call }) => call.permission === permission).map(({ call }) => call.resource);

const about = (run: Run) => run.incidents.find(({ state }) => state.target.startsWith('recovery/'));

/** What became of the job, and of the rows that its clone holds. */
function found(run: Run) {
  const { world } = run.stage;
  const job = world.kubernetes.store.get('Deployment', REFERENCE.namespace, REFERENCE.bulkImport);
  const clone = world.sql.fleet.find(CLONE);
  const history = clone === undefined ? undefined : world.sql.fleet.server(CLONE).history;
  return {
    replicas: job?.spec.replicas,
    clones: effects(run, 'cloudsql.instances.clone').length,
    protectedFor:
      clone?.settings.deletionProtectionEnabled === true ? clone.settings.userLabels['dr-incident'] : undefined,
    spoilt: history?.applicationRows().filter((id) => history.isAltered(id)).length,
  };
}

/** The person ends it, and lets the job write again. */
const ENDING = [RELEASE_WRITER, DELETE_CLONES].map((wall, index) =>
  atEvent('needsPerson', { kind: 'operate', operation: { by: 'wish', verb: 'accept', wall } }, minutes(1 + index)),
);

describe('An alert that many rows change', () => {
  it('pages people with who changes them before anybody asks, and is the incident of whoever says that it is damage', async () => {
    const run = await played([], { ...CLONED, faultsUntilMs: BROKEN_AT + minutes(30) }, minutes(10));

    expect(run.incidents.filter(({ state }) => state.target.startsWith('recovery/'))).toHaveLength(1);
    expect(kinds(run).indexOf('needsPerson')).toBeLessThan(kinds(run).indexOf('planDrawn'));
    const page = about(run)?.events.find(({ kind }) => kind === 'needsPerson');
    expect(JSON.stringify(page)).toContain('most by bulk-import (dms)');
    expect(found(run)).toMatchObject({ replicas: 0, clones: 1, spoilt: 0 });
  });
});

describe('A recovery of rows that a person asks for', () => {
  it('clones the moment just before the first spoilt row, and pauses who spoils them', async () => {
    const run = await played([]);

    const incident = about(run);
    expect(incident?.state.phase.kind).toBe('needsPerson');
    expect(found(run)).toEqual({ replicas: 0, clones: 1, protectedFor: incident?.state.id, spoilt: 0 });
    expect(effects(run, 'cloudsql.instances.update')).toEqual([`instances/${CLONE}`]);
    expect(run.stage.world.primaryInUse()).toBe('coditect-dms-db');
  });

  it('begins the clone before anybody has decided', async () => {
    const run = await played([], { ...CLONED, habits: {} });

    expect(effects(run, 'cloudsql.instances.clone')).toHaveLength(1);
    expect(effects(run, 'k8s.apps.deployments/scale.patch')).toEqual([]);
    expect(effects(run, 'cloudsql.instances.update')).toEqual([]);
  });

  it.each(troubles('heal'))('clones once when at each step %s', async (_what, deed) => {
    const run = await played(atEach(['remember-clone', 'clone-at'], deed));

    expect(found(run)).toMatchObject({ replicas: 0, clones: 1, spoilt: 0 });
  });

  it.each(troubles('recover'))('does each thing once when at each step %s', async (_what, deed) => {
    const run = await played(atEach(['remember-writer', 'hold-workload', 'mark-clone', 'validate-copy'], deed));

    expect(found(run)).toMatchObject({ replicas: 0, clones: 1, spoilt: 0 });
    expect(effects(run, 'cloudsql.instances.update')).toHaveLength(1);
  });

  it('ends on people’s word: the clone is gone, and the job writes again', async () => {
    const run = await played(ENDING, ENDED);

    expect(about(run)?.state.phase.kind).toBe('resolved');
    expect(found(run)).toEqual({ replicas: 1, clones: 1, protectedFor: undefined, spoilt: undefined });
    expect(effects(run, 'cloudsql.instances.delete')).toEqual([`instances/${CLONE}`]);
  });

  it.each(troubles('recover'))('ends once when at each step %s', async (_what, deed) => {
    const run = await played([...ENDING, ...atEach(['mark-clone', 'delete-clone', 'release-workload'], deed)], ENDED);

    expect(found(run)).toMatchObject({ replicas: 1, clones: 1, spoilt: undefined });
    expect(effects(run, 'cloudsql.instances.delete')).toEqual([`instances/${CLONE}`]);
  });

  it('leaves an instance alone that somebody else has made under its name, and takes the next one', async () => {
    const run = await played([later(-minutes(4), { kind: 'hand', what: 'cloneByHand' })]);

    expect(effects(run, 'cloudsql.instances.update')).toEqual([`instances/${REFERENCE.clones[1]}`]);
    expect(run.stage.world.sql.fleet.find(CLONE)?.settings.userLabels).toEqual({});
  });

  it('holds back no failover of the database whose rows they are', async () => {
    const run = await played([
      atStep('clone-at', { kind: 'break', fault: 'primary-database', variant: 'refuses' }, minutes(1)),
    ]);

    const failover = run.incidents.find(({ state }) => state.target === 'database/coditect-dms-db');
    expect(failover?.state.phase.kind).toBe('resolved');
    expect(effects(run, 'cloudsql.instances.promoteReplica')).toHaveLength(1);
  });
});
