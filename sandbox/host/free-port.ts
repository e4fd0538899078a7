import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Ports for processes of ours, functions above all, which keep theirs from one process to the next. They lie below those that
 * the system lends to whoever connects (from 32,768 on, Linux's `ip_local_port_range`): there, a connection of a sandbox beside
 * ours can take a port in the second in which nobody listens on it, and the function would never start again.
 */
const PORTS = { from: 20_000, to: 32_000 } as const;

/** Ports that may be taken before we give up looking: far more than all sandboxes of a machine have. */
const PORTS_TRIED_MAX = 100;

/** Ports that were given out here: some are used only after others have been looked for. */
const given = new Set<number>();

/** A port of loopback that is free now, and another one each time. Rejects when none can be found. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < PORTS_TRIED_MAX; tried += 1) {
    const port = randomInt(PORTS.from, PORTS.to);
    if (given.has(port)) continue;
    const probe = createServer();
    const isFree = await new Promise<boolean>((said) => {
      probe.once('error', () => said(false));
      probe.listen(port, '127.0.0.1', () => said(true));
    });
    if (!isFree) continue;
    await new Promise((closed) => probe.close(closed));
    given.add(port);
    return port;
  }
  throw new Error(`no port between ${PORTS.from} and ${PORTS.to} is free`);
}
