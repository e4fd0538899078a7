import { describe, expect, it } from '@jest/globals';
import { operateCommand, publishCommand } from '../../cli/commands.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { REFERENCE_ROW_FILES } from '../../sandbox/world/reference-world.ts';
import { TENANTS } from '../../sandbox/world/sql-schema.ts';
import { SqlTables } from '../../sandbox/world/sql-tables.ts';
import { after, seconds, toIso } from '../../shared/core/time.ts';
import { changes, leaks, unbalanced, withoutService } from './judge.ts';
import { approveWhenAsked, onStage, READING, type Stage } from './story.ts';

const PRIMARY = 'coditect-dms-db';
const { id: TENANT } = TENANTS[1];

const isFormer = (id: unknown): boolean => typeof id === 'string' && id.startsWith('before-');

const rowsOf = ({ sandbox }: Stage, table: string) =>
  SqlTables.of(sandbox.world.sql.fleet.server(PRIMARY).history).rows(table);
const formerOf = (stage: Stage, tenant: string): number =>
  rowsOf(stage, 'documents').filter((row) => row['tenant_id'] === tenant && isFormer(row['request_id'])).length;

/** From what the copy is made, and by which changes. */
const FROM = [
  {
    copy: 'a backup',
    momentAgo: undefined,
    made: [
      `cloudsql.instances.create instances/${REFERENCE.restored}`,
      `cloudsql.instances.restoreBackup instances/${REFERENCE.restored}:restoreBackup`,
    ],
  },
  {
    copy: 'a clone of a moment',
    momentAgo: seconds(30),
    made: [
      `cloudsql.instances.clone instances/${PRIMARY}:clone`,
      `cloudsql.instances.update instances/${REFERENCE.restored}`,
    ],
  },
];

describe('somebody deletes one customer’s documents', () => {
  it.each(FROM)('which come back from $copy, reviewed and approved, while everybody writes on', ({ momentAgo, made }) =>
    onStage({ name: 'tenant' }, async (stage) => {
      const { facts, world } = stage.sandbox;
      const others = [TENANTS[0], TENANTS[2]].map(({ id }) => formerOf(stage, id));
      const named = momentAgo === undefined ? {} : { moment: toIso(after(stage.now(), -momentAgo)) };
      stage.break('mass-delete', undefined, 'tenant');
      expect(formerOf(stage, TENANT)).toBe(0);
      const target = `tenant/${PRIMARY}/${TENANT}`;
      const wish = {
        command: 'start',
        runbook: 'tenant-restore',
        target,
        ...named,
        reason: 'Borealis has no documents',
      } as const;
      await publishCommand(facts, wish, { json: true });
      await approveWhenAsked(stage);
      // So many deleted rows raise an alert of their own, which people have beside this.
      const { state } = await stage.until('the tenant’s restore needs people', async () =>
        (await stage.incidents()).find(
          (known) => known.state.target === target && known.state.phase.kind === 'needsPerson',
        ),
      );
      expect(state.phase).toMatchObject({
        kind: 'needsPerson',
        because: expect.stringContaining('import-reviewed-rows'),
      });
      expect(rowsOf(stage, 'dr_row_imports')).toEqual([]);

      const told = stage.paged.length;
      const reviewed = { verb: 'accept', incident: state.id, wall: 'import-reviewed-rows', reason: 'we have read it' };
      await operateCommand(facts, reviewed, { json: true });
      const { links } = await stage.asked('oncall', told);
      await stage.pass(READING);
      await stage.decide(links, 'approve');
      await stage.until('it is resolved', async () =>
        (await stage.incident(state.id)).state.phase.kind === 'resolved' ? true : undefined,
      );

      expect(formerOf(stage, TENANT)).toBeGreaterThan(50);
      expect([TENANTS[0], TENANTS[2]].map(({ id }) => formerOf(stage, id))).toEqual(others);
      expect(rowsOf(stage, 'dr_row_imports')).toHaveLength(1);
      const files = world.storage.list(REFERENCE_ROW_FILES.name, {}).map(({ name }) => name.replace(/^.*\//, ''));
      expect(files).toEqual(
        expect.arrayContaining(['rows.jsonl', expect.stringMatching(/^undo-/), expect.stringMatching(/comparison/)]),
      );
      expect(world.sql.fleet.find(REFERENCE.restored)).toBeUndefined();
      expect(changes(stage).filter((change) => !change.startsWith('storage.objects.create'))).toEqual([
        ...made,
        `cloudsql.instances.delete instances/${REFERENCE.restored}`,
      ]);
      expect(withoutService(stage)).toEqual([]);
      expect(unbalanced(stage)).toEqual([]);
      expect(leaks(stage)).toEqual([]);
    }),
  );
});
