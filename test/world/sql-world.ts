import { expect } from '@jest/globals';
import { instant, minutes } from '../../shared/core/time.ts';
import { type Assumptions, BELIEVED } from '../../sandbox/world/assumptions.ts';
import type { Caller } from '../../sandbox/world/caller.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import type { ApiOutcome } from '../../sandbox/world/kernel.ts';
import { grantReferenceRoles } from '../../sandbox/world/reference-roles.ts';
import { functionPrincipal, OPERATOR, REFERENCE, REFERENCE_FLEET } from '../../sandbox/world/reference-system.ts';
import type { SqlOperation } from '../../sandbox/world/sql-operations.ts';
import { createSql } from '../../sandbox/world/sql.ts';
import { Storage } from '../../sandbox/world/storage.ts';
import { StorageApi } from '../../sandbox/world/storage-api.ts';

export const START = instant(1_767_607_200_000);
export const PRIMARY = 'coditect-dms-db';
export const REPLICA = 'coditect-dms-db-replica';
export const BUCKET = 'coditect-dms-backups';
export const EAST = 'coditect-dms-db-east';
export const RECOVER: Caller = { principal: functionPrincipal('recover'), from: 'functions' };
export const PERSON: Caller = { principal: OPERATOR, from: 'internet' };

/** The reference fleet on a virtual clock, and what tests do with it again and again. */
export function createSqlWorld(options: { readonly seed?: number; readonly assumptions?: Partial<Assumptions> } = {}) {
  const clock = createVirtualClock(START);
  const kernel = createKernel({ clock, seed: options.seed ?? 1 });
  grantReferenceRoles(kernel.iam);
  const assumptions = { ...BELIEVED, ...options.assumptions };
  const storage = new Storage(clock);
  storage.addBucket(BUCKET, 'us-east1');
  const storageApi = new StorageApi(kernel.door, storage, kernel.iam);
  const buckets = { storage, api: storageApi };
  const sql = createSql({ kernel, project: REFERENCE.project, assumptions, instances: REFERENCE_FLEET, buckets });
  const { servers } = sql.fleet;
  let writes = 0;
  return {
    clock,
    kernel,
    ...sql,
    storage,
    storageApi,
    servers,
    /** A write of the application from the pods; its id when it was acknowledged. */
    write(instance: string): string | undefined {
      const id = `w-${++writes}`;
      return servers.write('pods', instance, { kind: 'application', id }).kind === 'written' ? id : undefined;
    },
    has: (instance: string, id: string) => servers.server(instance)?.history.hasApplicationRow(id) ?? false,
    /** Lets an accepted operation come to its end. */
    finish(outcome: ApiOutcome<SqlOperation>): SqlOperation {
      const operation = answered(outcome);
      for (let waited = 0; waited < 60; waited++) {
        const now = sql.fleet.operations.get(operation.name);
        if (now?.status === 'DONE') return now;
        clock.advanceBy(minutes(1));
      }
      throw new Error(`${operation.type} does not end`);
    },
  };
}

/** The value of a call that must be answered. */
export function answered<T>(outcome: ApiOutcome<T>): T {
  expect(outcome).toMatchObject({ kind: 'answer' });
  if (outcome.kind !== 'answer') throw new Error(outcome.kind);
  return outcome.value;
}
