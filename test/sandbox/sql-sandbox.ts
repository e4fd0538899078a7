import { monitoringRoutes } from '../../sandbox/http/monitoring.ts';
import { startServer } from '../../sandbox/http/server.ts';
import { sqlRoutes } from '../../sandbox/http/sql.ts';
import { issueToken, principalOf } from '../../sandbox/http/tokens.ts';
import type { WorldClock } from '../../sandbox/world/kernel.ts';
import { functionPrincipal, OPERATOR } from '../../sandbox/world/reference-system.ts';
import { createWorld } from '../../sandbox/world/world.ts';
import { instant } from '../../shared/core/time.ts';

const KEY = 'a key of this test';
/** Tokens of the test don't expire while it runs. */
const NOW = instant(0);

/** A token of the operator or of one of our functions. */
export const tokenOf = (name: 'operator' | 'recover' | 'tick' | 'heal' | 'notify'): string =>
  issueToken(KEY, name === 'operator' ? OPERATOR : functionPrincipal(name), instant(3_600_000));

/** Who a token of the test names. */
export const principals = (token: string): string | undefined => principalOf(KEY, token, NOW);

/** The whole reference world with Cloud SQL and Monitoring on one port. */
export async function startSqlSandbox(clock: WorldClock) {
  const world = createWorld({ clock, seed: 7, publish: () => {} });
  const { project } = world;
  const server = await startServer({
    clock,
    principals,
    routes: [
      ...sqlRoutes({ project, admin: world.sql.admin }),
      ...monitoringRoutes({ project, monitoring: world.monitoring }),
    ],
  });
  return { ...server, world };
}
