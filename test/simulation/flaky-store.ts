import type { Chance as WorldChance } from '../../sandbox/world/kernel.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type { Store } from '../../shared/ports/store.ts';

/** A store that fails now and then, before or after its effect, while `isHostile`. */
export function flaky(store: Store, chance: WorldChance, rate: number, isHostile: () => boolean): Store {
  const part = <T extends object>(target: T, writes: ReadonlySet<string>): T =>
    new Proxy(target, {
      get: (own, key) => {
        const value: unknown = Reflect.get(own, key);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          const strikes = isHostile() && chance.next() < rate;
          if (strikes && (chance.next() < 0.5 || !writes.has(String(key))))
            throw new PortError('retryable', 'outage', 'asking the store');
          const answer: unknown = await Reflect.apply(value, own, args);
          if (strikes) throw new PortError('ambiguous', 'connectionLost', 'asking the store');
          return answer;
        };
      },
    });
  return {
    ...store,
    log: part(store.log, new Set(['append', 'receive'])),
    leases: part(store.leases, new Set(['acquire', 'renew', 'release'])),
    documents: part(store.documents, new Set(['put'])),
    evidence: part(store.evidence, new Set(['keep'])),
    now: () => store.now(),
  };
}
