import { seconds } from '../../shared/core/time.ts';
import { Applications } from '../../sandbox/world/application.ts';
import { ApplicationFront, inTurn } from '../../sandbox/world/application-front.ts';
import type { ApplicationReply } from '../../sandbox/world/application-request.ts';
import type { ApplicationInstance } from '../../sandbox/world/kernel.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { createSqlWorld } from './sql-world.ts';

export const PASSWORD = 'horse-battery';
export const urlOf = (host: string, password = PASSWORD): string => `postgresql://dms:${password}@${host}:5432/dms`;

/** The reference fleet with applications on it that tests launch by hand. */
export function createApplicationWorld(seed = 1) {
  const sql = createSqlWorld({ seed });
  const secrets = new Map<string, string>([[REFERENCE.databaseSecret, urlOf('10.20.0.3')]]);
  sql.servers.logins.set('dms', PASSWORD);
  const applications = new Applications({
    kernel: sql.kernel,
    network: {
      servers: sql.servers,
      nameAt: (host) => sql.fleet.nameAt(host),
      credentials: { user: 'dms', password: PASSWORD, database: REFERENCE.database },
      port: REFERENCE.databasePort,
    },
    readSecret: (name) => secrets.get(name),
    prober: REFERENCE.prober,
  });
  const front = new ApplicationFront(sql.kernel.network, applications);
  const launched: ApplicationInstance[] = [];
  front.add('api', { front: 'ingress', place: 'pods', next: inTurn(() => launched.filter((one) => one.ready())) });
  return {
    ...sql,
    secrets,
    applications,
    front,
    /** Launches a process in the cluster and waits until it serves. */
    launch(id: string): ApplicationInstance {
      const instance = applications.launch({ id, place: 'pods', secret: REFERENCE.databaseSecret });
      sql.clock.advanceBy(seconds(15));
      if (!id.startsWith(REFERENCE.prober)) launched.push(instance);
      return instance;
    },
    ask: (request: Parameters<ApplicationFront['request']>[2]): ApplicationReply =>
      front.request('internet', 'api', request),
  };
}
