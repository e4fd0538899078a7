import { describe, expect, it } from '@jest/globals';
import { declaredReality } from '../../cli/reality-hcl.ts';
import { readIncident } from '../../cli/read-incidents.ts';
import { verifyCommand } from '../../cli/verify.ts';
import { eventWires } from '../../shared/incident/events.ts';
import { replay } from '../../shared/incident/evolve.ts';
import { realityAfter } from '../../shared/incident/reality.ts';
import { EMPTY_CHAIN } from '../../shared/log/chain.ts';
import { understoodEvent } from '../../shared/log/unreadable.ts';
import type { EventRecord } from '../../shared/ports/store.ts';
import type { SqliteStore } from '../../shared/store/sqlite-store.ts';
import { RUNBOOKS } from '../../shared/system/names.ts';
import { reference } from '../system/reference.ts';
import { withFile, withStoreAt } from '../store/sqlite-file.ts';
import { keptLogs, summaryOf } from './kept-log.ts';

/*
 * Old logs must still be read. What lies under test/fixtures/logs was written by the versions whose names its folders have, and is only
 * ever added to: a log or a summary that has to be changed so that these tests pass is a log in somebody's database that can no longer
 * be gone on with.
 */

/** Runbooks of which the disasters that were played left no log that was carried through; `npm run keep-logs` keeps more. */
const NOT_KEPT_YET: readonly string[] = ['pod-force-delete'];

/** Kinds of events that none of those disasters led to. */
const NOT_MET_YET: readonly string[] = ['continued'];

const logs = keptLogs();

/** Puts a log into a store as it was written. */
async function filled(store: SqliteStore, records: readonly EventRecord[]): Promise<void> {
  const [first] = records;
  const last = records.at(-1);
  if (first === undefined || last === undefined) throw new Error('an empty log');
  for (let from = 0; from < records.length; from += 100) {
    const part = records.slice(from, from + 100);
    const { sequence, hash } = part.at(-1) ?? EMPTY_CHAIN;
    const head = { incident: first.incident, sequence, hash, dueAt: undefined, targets: [], summary: {} };
    await store.log.append(first.incident, from, part, head, []);
  }
}

describe.each(logs.map((log) => [`${log.version}/${log.name}`, log] as const))('the log %s', (_name, kept) => {
  it('is what its version made of it', () => {
    expect(summaryOf(kept.records)).toEqual(kept.summary);
  });

  it('verifies, and is shown whole', () =>
    withFile(async (path) => {
      const incident = kept.records[0]?.incident ?? '';
      await withStoreAt(path, (store) => filled(store, kept.records));
      const { exitCode } = await verifyCommand({ kind: 'incident', incident, storePath: path }, { json: true });
      const shown = await withStoreAt(path, (store) => readIncident(incident, store));

      expect(exitCode).toBe(0);
      expect(shown.stoppedAt).toBeUndefined();
      expect(shown.events).toHaveLength(kept.records.length);
    }));
});

describe('the kept log of a database failover', () => {
  it('says what Terraform has to declare now', () => {
    const kept = logs.find(({ name }) => name === 'database-failover');
    const [first] = kept?.records ?? [];
    const state = first && replay(first.incident, (kept?.records ?? []).map(understoodEvent));
    if (state === undefined) throw new Error('there is no such log');
    const reality = realityAfter(state);
    const [former, promoted] = reality.instances;

    expect(former).toEqual({ instance: 'coditect-dms-db', stopped: 'seen' });
    expect(promoted?.tookPlaceOf).toEqual({ former: 'coditect-dms-db', as: 'replica' });
    expect(declaredReality({ incident: state.id, system: reference(), reality, resources: undefined })).toContain(
      `id = "projects/coditect-prod/instances/${promoted?.instance}-`,
    );
  });
});

describe('the logs that are kept', () => {
  it('are of incidents of every runbook', () => {
    const names = new Set(logs.map(({ name }) => name));
    expect(RUNBOOKS.filter((runbook) => !names.has(runbook))).toEqual(NOT_KEPT_YET);
  });

  it('have events of every kind', () => {
    const kinds = new Set(logs.flatMap(({ records }) => records.map(({ kind }) => kind)));
    expect(Object.keys(eventWires).filter((kind) => !kinds.has(kind))).toEqual(NOT_MET_YET);
  });
});
