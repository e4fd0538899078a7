import { describe, expect, it } from '@jest/globals';
import { planDigest, planFaults, preparingSteps } from '../../shared/plan/plan.ts';
import { drawRecovery, drawRecoveryImport } from '../../shared/runbooks/point-in-time-recovery.ts';
import { drawRecoveryEnd } from '../../shared/runbooks/recovery-end.ts';
import { instanceName } from '../../shared/system/names.ts';
import { at, PRIMARY, SYSTEM } from '../classify/looks.ts';

const [database] = SYSTEM.databases;
if (database?.rows === undefined) throw new Error('the reference system says how rows are compared');
const { rows } = database;

const COPY = instanceName('coditect-dms-db-recovery');
const known = { at: at(0), database, source: PRIMARY, copy: COPY, moment: at(-300), warnings: [] };
const JOB = { user: 'dms', application: 'bulk-import' };

const clone = (pause: readonly { readonly writer: string; readonly replicas: number }[] = []) =>
  drawRecovery(SYSTEM, 'inc-a', 'data-damage', { ...known, pause, culprits: [JOB], others: ['psql (postgres)'] });

const importOf = (generation: string, digest: string) =>
  drawRecoveryImport(SYSTEM, 'inc-a', 'data-damage', {
    ...known,
    rows,
    file: { bucket: 'b', name: 'rows.jsonl', generation, bytes: 9 },
    digest,
    place: 'gs://b/inc-a/',
    counts: 'public.documents: 40 update',
  });

describe('a recovery of rows', () => {
  it('is sound, and begins with nothing but the clone', () => {
    const plan = clone([{ writer: 'bulk-import', replicas: 1 }]);

    expect(planFaults(plan)).toEqual([]);
    expect(preparingSteps(plan).map(({ id }) => id)).toEqual(['window', 'remember', 'clone']);
    expect(plan.lossBound).toEqual({ kind: 'none' });
  });

  it('pauses whoever can be paused after writing down what they had, and says how to end the others', () => {
    const { steps, alternatives } = clone([{ writer: 'bulk-import', replicas: 3 }]);

    expect(steps.slice(0, 2).map(({ action, input }) => [action, input])).toEqual([
      ['remember-writer', { writer: 'bulk-import', replicas: 3 }],
      ['hold-workload', { application: 'bulk-import', replicas: 3 }],
    ]);
    expect(alternatives[0]?.text).toContain('psql (postgres)');
  });

  it('imports one generation of one content: another file is another plan', () => {
    const plan = importOf('17', 'a'.repeat(64));

    expect(planFaults(plan)).toEqual([]);
    expect(planDigest(importOf('18', 'a'.repeat(64)))).not.toBe(planDigest(plan));
    expect(planDigest(importOf('17', 'b'.repeat(64)))).not.toBe(planDigest(plan));
  });

  it('holds the database itself only while rows are brought into it', () => {
    expect(importOf('17', 'a'.repeat(64)).holds).toContain('database/coditect-dms-db');
    expect(clone().holds).not.toContain('database/coditect-dms-db');
  });

  it('ends by unprotecting and deleting each clone, which can’t be undone', () => {
    const plan = drawRecoveryEnd(SYSTEM, 'inc-a', 'data-damage', {
      ...known,
      clones: [{ copy: COPY, moment: at(-300) }],
      release: [],
    });

    expect(planFaults(plan)).toEqual([]);
    expect(plan.steps.map(({ action, undo }) => `${action} ${undo.kind}`)).toEqual([
      'mark-clone nothing',
      'delete-clone pointOfNoReturn',
      'forget-clone nothing',
    ]);
  });
});
