import { hostOf } from '../classify/topology-now.ts';
import type { Applications } from '../ports/applications.ts';
import type { Application } from '../system/system.ts';
import { attempt } from './attempt.ts';

/** Where consumers say that their database is; nothing for one that does not answer. */
export async function addressesInUse(
  consumers: readonly Application[],
  { applications }: { readonly applications: Pick<Applications, 'deepHealth'> },
): Promise<readonly string[]> {
  const healths = await Promise.all(consumers.map(({ id }) => attempt(() => applications.deepHealth(id))));
  return healths.flatMap((health) =>
    'unreadable' in health || health.database === undefined ? [] : [hostOf(health.database.address)],
  );
}
