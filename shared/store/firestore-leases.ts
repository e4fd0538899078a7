import type { Lease, LeaseStore } from '../ports/store.ts';
import type { Found, Write } from '../providers/firestore-client.ts';
import type { FirestoreConnection } from '../providers/firestore-connection.ts';
import { LEASES, placeOf } from './firestore-layout.ts';
import { claimed, isReleasable, renewed, type KeptLease } from './lease-rules.ts';
import { checkKey, parsed, parseLease } from './stored.ts';

/**
 * Leases in one document each, which is never deleted and has no `expireAt`: what is not there has never been held, so
 * an end is always judged by comparing times. The time is that of the look on which the rule decides.
 */
export function firestoreLeases(connection: FirestoreConnection): LeaseStore {
  return {
    async acquire(key, holder, length) {
      checkKey(key);
      checkKey(holder);
      return connection.change(`acquiring lease ${key}`, [placeOf(LEASES, key)], ({ at, documents: [found] }) => {
        const result = claimed(keptIn(found, key), { key, holder, now: at, length });
        return { result, writes: result.kind === 'held' ? [writeOf(result.lease)] : [] };
      });
    },

    async renew(lease, length) {
      const { key } = lease;
      return connection.change(`renewing lease ${key}`, [placeOf(LEASES, key)], ({ at, documents: [found] }) => {
        const result = renewed(keptIn(found, key), lease, { now: at, length });
        return { result, writes: result === undefined ? [] : [writeOf(result)] };
      });
    },

    async release(lease) {
      const { key } = lease;
      const path = placeOf(LEASES, key);
      return connection.change(`releasing lease ${key}`, [path], ({ documents: [found] }) => ({
        result: undefined,
        writes: isReleasable(keptIn(found, key), lease) ? [{ path, fields: { released: true } }] : [],
      }));
    },

    async read(key) {
      const [found] = (await connection.look(`reading lease ${key}`, [placeOf(LEASES, key)])).documents;
      const kept = keptIn(found, key);
      return kept === undefined || kept.released ? undefined : kept.lease;
    },
  };
}

const writeOf = ({ key, holder, token, expiresAt }: Lease): Write => ({
  path: placeOf(LEASES, key),
  fields: { key, holder, token, expiresAt, released: false },
});

function keptIn(found: Found | undefined, key: string): KeptLease | undefined {
  if (found === undefined) return undefined;
  const { holder, token, expiresAt, released } = found.fields;
  const lease = parsed(`reading lease ${key}`, () => parseLease({ key, holder, token, expiresAt }));
  return { lease, released: released === true };
}
