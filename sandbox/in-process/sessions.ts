import type { Sessions } from '../../shared/ports/sessions.ts';
import { REFERENCE } from '../world/reference-system.ts';
import type { World } from '../world/world.ts';
import { type Crossing, cross } from './crossing.ts';

/** What the key of a session begins with. */
const PREFIX = 'session:';

/** Sessions that one call removes. */
const AT_ONCE = 10;

/** The modelled Redis of the reference system, for one identity: as the adapter does it, each call asks the Admin API first. */
export function inProcessSessions(world: World, crossing: Crossing): Sessions {
  const { api, keys } = world.redis;
  const ask = <T>(doing: string, effect: 'reads' | 'writes', work: () => T): Promise<T> =>
    cross(crossing, doing, effect, () => {
      const found = api.authString(crossing.caller, REFERENCE.region, 'coditect-dms-redis');
      return found.kind === 'answer' ? { ...found, value: work() } : found;
    });
  const sessions = (): readonly string[] => [...keys].filter((key) => key.startsWith(PREFIX));
  return {
    count: (store) =>
      ask(`counting the sessions of ${store}`, 'reads', () => ({
        sessions: sessions().length,
        others: keys.size - sessions().length,
      })),
    end: (store, cursor) =>
      ask(`ending sessions of ${store}`, 'writes', () => {
        const some = sessions().slice(0, AT_ONCE);
        for (const key of some) keys.delete(key);
        return { cursor: sessions().length === 0 ? '0' : String(Number(cursor) + 1), removed: some.length };
      }),
  };
}
