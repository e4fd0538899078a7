import { z } from 'zod';
import { parseInstant, toIso } from '../../shared/core/time.ts';
import type { Load } from '../load/load.ts';
import { json, type Route } from '../http/router.ts';
import { BreakRefused } from '../world/disasters.ts';
import { FAULTS } from '../world/fault-catalogue.ts';
import { ApiError } from '../world/kernel.ts';
import type { World } from '../world/world.ts';
import type { SandboxDatabases } from './databases.ts';
import type { FunctionCopies } from './function-copies.ts';
import type { Messaging } from './messaging.ts';
import type { NoticeBoard } from './notice-board.ts';

// The sandbox's own door, for `./dr` and for tests: breaks the world and answers what an outside judge saw. Nothing of the
// product calls it.

/** What the control server reaches. */
export interface ControlParts {
  readonly world: World;
  readonly load: Load;
  readonly messaging: Messaging;
  readonly board: NoticeBoard;
  readonly copies: FunctionCopies;
  readonly databases: SandboxDatabases;
  /** E-mail of the person that the sandbox signs in, and the audience of its id tokens. */
  readonly operator: string;
  readonly approve: string;
  readonly shutDown: () => void;
}

const breakWire = z.strictObject({ name: z.string(), target: z.string().optional(), variant: z.string().optional() });
const mendWire = z.strictObject({ name: z.string().optional() });
const killWire = z.strictObject({ function: z.string(), region: z.string().optional() });

/** Routes of the control server. */
export function controlRoutes(parts: ControlParts): readonly Route[] {
  const { world, load, messaging, board, copies, databases } = parts;
  return [
    { method: 'GET', pattern: /\/faults/, handle: () => json({ faults: FAULTS, active: world.disasters.active() }) },
    { method: 'POST', pattern: /\/break/, handle: (request) => refusing(() => breakIt(world, request.body)) },
    { method: 'POST', pattern: /\/mend/, handle: (request) => refusing(() => mendIt(world, request.body)) },
    {
      method: 'POST',
      pattern: /\/kill/,
      handle: (request) => {
        const { function: name, region } = killWire.parse(request.body);
        const found = copies.all().find((copy) => copy.name === name && (region ?? copy.region) === copy.region);
        if (found === undefined) throw new ApiError(404, 'notFound', `there is no function ${name}`);
        const { pid } = found.process;
        found.process.kill('SIGKILL');
        return json({ killed: pid ?? null });
      },
    },
    {
      method: 'GET',
      pattern: /\/state/,
      handle: () =>
        json({
          now: toIso(world.kernel.clock.now()),
          ready: world.ready(),
          faults: world.disasters.active(),
          primary: world.primaryInUse(),
          load: load.report(),
          ledger: messaging.courier.ledger(),
          functions: copies
            .all()
            .map(({ name, region, process }) => ({ name, region, pid: process.pid ?? null, url: process.url })),
        }),
    },
    {
      method: 'GET',
      pattern: /\/audit/,
      handle: (request) => {
        const permission = request.query.get('permission');
        const { audit } = world.kernel;
        const entries =
          permission === null ? audit.entries().filter((entry) => entry.call.writes) : audit.effects(permission);
        return json(entries);
      },
    },
    { method: 'GET', pattern: /\/loss/, handle: (request) => json(lossOn(world, load, request.query.get('failedAt'))) },
    { method: 'GET', pattern: /\/databases/, handle: async () => json(await databases.addresses()) },
    {
      // The same as `/loss`, counted by SQL on the database that the application uses.
      method: 'GET',
      pattern: /\/rows/,
      handle: async (request) => {
        const documents = await databases.documents(world.primaryInUse());
        return json(lossOn(world, load, request.query.get('failedAt'), (id) => documents.has(id)));
      },
    },
    {
      // Who sits at the sandbox plays the on-call engineer; in the cloud `gcloud auth print-identity-token` does this.
      method: 'GET',
      pattern: /\/identity/,
      handle: async () =>
        json({ idToken: await messaging.idToken({ email: parts.operator, audience: parts.approve }) }),
    },
    board.reader(),
    {
      method: 'POST',
      pattern: /\/shutdown/,
      handle: () => {
        // The answer goes out before the server that sends it ends.
        setTimeout(parts.shutDown, 50);
        return json({ stopping: true });
      },
    },
  ];
}

function breakIt(world: World, body: unknown) {
  const { name, target, variant } = breakWire.parse(body);
  return json(world.disasters.break(name, target, variant));
}

function mendIt(world: World, body: unknown) {
  const { name } = mendWire.parse(body ?? {});
  const names = name === undefined ? [...new Set(world.disasters.active().map((fault) => fault.name))] : [name];
  for (const each of names) world.disasters.mend(each);
  return json({ mended: names });
}

/** What the load is missing on the primary in use, by the rows that are there (decisions.md 24). */
function lossOn(
  world: World,
  load: Load,
  failedAt: string | null,
  has = (id: string): boolean =>
    world.sql.fleet.servers.server(world.primaryInUse())?.history.hasApplicationRow(id) === true,
) {
  const at = failedAt === null ? undefined : parseInstant(failedAt);
  return { primary: world.primaryInUse(), ...load.loss(has, at) };
}

function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof BreakRefused) throw new ApiError(400, 'badRequest', error.message);
    throw error;
  }
}
