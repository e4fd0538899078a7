import { describe, expect, it } from '@jest/globals';
import { instant, minutes } from '../../shared/core/time.ts';
import type { TableChanges } from '../../shared/ports/contents.ts';
import { whyDoubtful } from '../../shared/rows/whose-changes.ts';

const SINCE = instant(minutes(60));
const JOB = { user: 'dms', application: 'bulk-import' };

const change = (by: Partial<TableChanges>): TableChanges => ({
  minute: SINCE,
  table: 'documents',
  user: 'dms',
  application: 'dms-api',
  inserted: 0,
  updated: 0,
  deleted: 0,
  firstAt: SINCE,
  lastAt: SINCE,
  ...by,
});

const doubt = (operation: 'insert' | 'update' | 'delete', ...changes: readonly TableChanges[]) =>
  whyDoubtful('public.documents', operation, {
    culprits: [JOB],
    history: { since: instant(0), changes },
    since: SINCE,
  });

describe('a row that differs', () => {
  it('needs no word of its own where nobody but the culprit changed rows of its table', () => {
    const byJob = change({ ...JOB, updated: 40, deleted: 2 });

    expect(doubt('update', byJob, change({ inserted: 9 }))).toBeUndefined();
    expect(doubt('insert', byJob, change({ table: 'tenants', deleted: 1 }))).toBeUndefined();
  });

  it('needs one where somebody else changed, or deleted, rows of it since', () => {
    expect(doubt('update', change({ updated: 1 }))).toBe('dms-api (dms) changed rows of it since, too');
    expect(doubt('insert', change({ table: 'public.documents', deleted: 1 }))).toBe(
      'dms-api (dms) deleted rows of it since, too',
    );
  });

  it('needs one where another login calls itself like the culprit', () => {
    expect(doubt('update', change({ ...JOB, user: 'postgres', updated: 1 }))).toContain('bulk-import (postgres)');
  });

  it('needs none for what was done before the moment', () => {
    expect(doubt('update', change({ updated: 1, lastAt: instant(SINCE - 1) }))).toBeUndefined();
  });

  it('needs one where the history does not reach back to the moment, or is not there', () => {
    const known = { culprits: [JOB], since: SINCE };

    expect(whyDoubtful('t', 'update', { ...known, history: undefined })).toContain('nobody can tell');
    expect(whyDoubtful('t', 'update', { ...known, history: { since: instant(SINCE + 1), changes: [] } })).toContain(
      'nobody can tell',
    );
  });
});
