import type { Clock } from '../ports/clock.ts';
import type { Lease, LeaseStore } from '../ports/store.ts';
import { claimed, isReleasable, renewed, type KeptLease } from './lease-rules.ts';
import type { Connection } from './sqlite-connection.ts';
import { checkKey, parsed, parseLease } from './stored.ts';

/**
 * Leases in one row each. The time is read inside the transaction: before it, the process may have waited seconds for its
 * turn, and would judge an expiry, or promise an end, by a moment that has passed.
 */
export function sqliteLeases(connection: Connection, clock: Pick<Clock, 'now'>): LeaseStore {
  const select = connection.prepare('SELECT * FROM leases WHERE key = ?');
  const upsert = connection.prepare(
    `INSERT INTO leases (key, holder, token, expires_at, released) VALUES (?, ?, ?, ?, 0) ON CONFLICT (key) DO UPDATE SET
       holder = excluded.holder, token = excluded.token, expires_at = excluded.expires_at, released = 0`,
  );
  const markReleased = connection.prepare('UPDATE leases SET released = 1 WHERE key = ?');

  const kept = (key: string): KeptLease | undefined => {
    const row = select.get(key);
    if (row === undefined) return undefined;
    const { holder, token, expires_at: expiresAt, released } = row;
    const lease = parsed(`reading lease ${key}`, () => parseLease({ key, holder, token, expiresAt }));
    return { lease, released: released === 1 };
  };
  const keep = ({ key, holder, token, expiresAt }: Lease) => upsert.run(key, holder, token, expiresAt);

  return {
    async acquire(key, holder, length) {
      checkKey(key);
      checkKey(holder);
      return connection.write(`acquiring lease ${key}`, () => {
        const outcome = claimed(kept(key), { key, holder, now: clock.now(), length });
        if (outcome.kind === 'held') keep(outcome.lease);
        return outcome;
      });
    },

    async renew(lease, length) {
      return connection.write(`renewing lease ${lease.key}`, () => {
        const next = renewed(kept(lease.key), lease, { now: clock.now(), length });
        if (next !== undefined) keep(next);
        return next;
      });
    },

    async release(lease) {
      await connection.write(`releasing lease ${lease.key}`, () => {
        if (isReleasable(kept(lease.key), lease)) markReleased.run(lease.key);
      });
    },

    async read(key) {
      const found = connection.read(`reading lease ${key}`, () => kept(key));
      return found === undefined || found.released ? undefined : found.lease;
    },
  };
}
