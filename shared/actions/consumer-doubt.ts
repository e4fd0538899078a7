import type { World } from '../ports/ports.ts';

/** The database on which a consumer should be; `epoch` where it has been given one. */
export interface ExpectedDatabase {
  readonly host: string;
  readonly epoch: string | undefined;
}

/** The host of an address that a consumer reports, `host` or `host:port`. */
export const hostOf = (address: string): string => address.replace(/:\d+$/, '');

/** What speaks against a consumer writing to that database now, by its own word; whichever copy answers. */
export async function doubtAbout(
  application: string,
  { host, epoch }: ExpectedDatabase,
  { applications }: Pick<World, 'applications'>,
): Promise<string | undefined> {
  const health = await applications.deepHealth(application);
  if (health.kind !== 'serving') return health.detail;
  const { database } = health;
  if (database === undefined) return 'it does not say which database it is on';
  const on = hostOf(database.address);
  if (on !== host) return `${health.instance ?? 'a copy'} is still on ${on}`;
  if (database.inRecovery) return `${on} is in recovery`;
  return epoch === undefined || database.epoch === epoch ? undefined : `it reports epoch ${database.epoch ?? 'none'}`;
}
