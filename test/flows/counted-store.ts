import type { Store } from '../../shared/ports/store.ts';

/** What a store was asked: calls by method, and heads, events, signals and documents that it handed out. */
export interface Asked {
  readonly calls: Record<string, number>;
  rows: number;
}

/** A store that counts what it is asked, so that a cost can be stated without a clock. */
export function counted(store: Store): { readonly store: Store; readonly asked: Asked } {
  const asked: Asked = { calls: {}, rows: 0 };
  const part = <T extends object>(name: string, target: T): T =>
    new Proxy(target, {
      get: (own, key) => {
        const value: unknown = Reflect.get(own, key);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]): Promise<unknown> => {
          const call = `${name}.${String(key)}`;
          asked.calls[call] = (asked.calls[call] ?? 0) + 1;
          const answer: unknown = await Reflect.apply(value, own, args);
          asked.rows += Array.isArray(answer) ? answer.length : answer === undefined ? 0 : 1;
          return answer;
        };
      },
    });
  return {
    asked,
    store: {
      ...store,
      log: part('log', store.log),
      leases: part('leases', store.leases),
      documents: part('documents', store.documents),
      evidence: part('evidence', store.evidence),
    },
  };
}
