import { describe, expect, it } from '@jest/globals';
import { operateCommand, publishCommand } from '../../cli/commands.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { isSpoilt, textIn } from '../../sandbox/world/sql-schema.ts';
import { SqlTables } from '../../sandbox/world/sql-tables.ts';
import { IMPORT_ROWS } from '../../shared/ports/copy-labels.ts';
import { DELETE_CLONES, RELEASE_WRITER } from '../../shared/ports/recovery-words.ts';
import { changes, effects, leaks, unbalanced, withoutService } from './judge.ts';
import { approveWhenAsked, onStage, READING, type Stage } from './story.ts';

const [CLONE] = REFERENCE.clones;
const CLONED = 'cloudsql.instances.clone instances/coditect-dms-db:clone';
const MARKED = `cloudsql.instances.update instances/${CLONE}`;
const SCALED = `k8s.apps.deployments/scale.patch namespaces/${REFERENCE.namespace}/deployments/${REFERENCE.bulkImport}/scale`;

/** A job spoils rows, and after two minutes somebody notices. */
async function spoiltAndAsked(stage: Stage): Promise<void> {
  stage.sandbox.world.disasters.break('data-corruption');
  await stage.pass(minutes(2));
  const asks = { command: 'start', runbook: 'point-in-time-recovery', target: undefined } as const;
  await publishCommand(stage.sandbox.facts, { ...asks, reason: 'documents are garbled' }, { json: true });
}

const accept = ({ sandbox: { facts } }: Stage, incident: string, wall: string) =>
  operateCommand(facts, { verb: 'accept', incident, wall, reason: 'we have looked at it' }, { json: true });

/** Says a word, and approves the plan that it leads to. */
async function approved(stage: Stage, incident: string, wall: string): Promise<void> {
  const told = stage.paged.length;
  await accept(stage, incident, wall);
  const { links } = await stage.asked('oncall', told);
  await stage.pass(READING);
  await stage.decide(links, 'approve');
}

const replicas = ({ sandbox: { world } }: Stage) =>
  world.kubernetes.store.get('Deployment', REFERENCE.namespace, REFERENCE.bulkImport)?.spec.replicas;

describe('a job spoils rows', () => {
  it('is named and paused, and what was there before is cloned once, protected and told', () =>
    onStage({ name: 'recovery' }, async (stage) => {
      await spoiltAndAsked(stage);
      await approveWhenAsked(stage);

      const { state } = await stage.settled();

      expect(state.phase).toMatchObject({ kind: 'needsPerson' });
      const files = changes(stage).filter((change) => change.startsWith('storage.objects.create'));
      expect(files.some((file) => file.endsWith('/rows.jsonl'))).toBe(true);
      const others = changes(stage).filter((change) => !files.includes(change));
      expect(others.toSorted()).toEqual([CLONED, MARKED, SCALED].toSorted());
      expect(replicas(stage)).toBe(0);
      const { fleet } = stage.sandbox.world.sql;
      expect(fleet.find(CLONE)?.settings).toMatchObject({
        deletionProtectionEnabled: true,
        userLabels: { 'dr-incident': state.id },
      });
      const { history } = fleet.server(CLONE);
      expect(history.applicationRows().filter((id) => history.isAltered(id))).toEqual([]);
      await stage.until('people are told who it was, and what they can type', () =>
        Promise.resolve(stage.paged.find(({ text }) => text.includes('bulk-import (dms) changed'))),
      );
      expect(withoutService(stage)).toEqual([]);
      expect(unbalanced(stage)).toEqual([]);
      expect(leaks(stage)).toEqual([]);
    }));

  it('is made good: the reviewed rows are brought back once, nothing written since is lost, and all that was made for it goes', () =>
    onStage({ name: 'recovery-import' }, async (stage) => {
      const { world, load } = stage.sandbox;
      await spoiltAndAsked(stage);
      await approveWhenAsked(stage);
      const { state } = await stage.settled();
      await approved(stage, state.id, IMPORT_ROWS);
      await stage.until('the rows are in production', () =>
        Promise.resolve(stage.paged.find(({ text }) => text.includes('undo set: gs://coditect-dms-recovery/'))),
      );
      const { history } = world.sql.fleet.server('coditect-dms-db');
      const tables = SqlTables.of(history);
      const spoilt = tables
        .rows('documents')
        .filter((row) => textIn(row, 'request_id').startsWith('before-'))
        .filter(isSpoilt);
      expect(spoilt).toEqual([]);
      expect(tables.rows('dr_row_imports')).toHaveLength(1);
      expect(load.loss((id) => history.hasApplicationRow(id), undefined).lost).toBe(0);

      await accept(stage, state.id, RELEASE_WRITER);
      await approved(stage, state.id, DELETE_CLONES);
      await stage.until('it is resolved', async () =>
        (await stage.incident(state.id)).state.phase.kind === 'resolved' ? true : undefined,
      );

      expect(world.sql.fleet.find(CLONE)).toBeUndefined();
      expect(replicas(stage)).toBe(1);
      expect(effects(stage, 'cloudsql.instances.delete').map(({ call }) => call.resource)).toEqual([
        `instances/${CLONE}`,
      ]);
      expect(withoutService(stage)).toEqual([]);
      expect(unbalanced(stage)).toEqual([]);
      expect(leaks(stage)).toEqual([]);
    }));
});
