import { z } from 'zod';
import { unreachable } from '../../shared/core/assert.ts';
import { after, type Instant, parseInstant, seconds, toIso } from '../../shared/core/time.ts';
import { ApiError, type Place, type Principal, type WorldClock } from '../world/kernel.ts';
import type { ChangeCount, ContentCount, SqlInventory } from '../world/sql-inventory.ts';
import type { DataOutcome, SqlDataPlane } from '../world/sql-data-plane.ts';
import type { Replication } from '../world/sql-servers.ts';
import type { Sql } from '../world/sql.ts';
import { googleError, invalidArgument } from './google-error.ts';
import { bodyOf, callerOf, queryOf } from './google-request.ts';
import { type HttpReply, json, type Route } from './router.ts';
import { type RunningServer, startServer } from './server.ts';

// The data port of one database instance: a server of its own on loopback, which behaves like the host it stands for.
//
// P1. While the instance refuses connections nothing listens: a caller meets ECONNREFUSED, not an answer.
// P2. While it swallows packets, or the caller's place is cut off, the connection is accepted and nothing ever comes.
// P3. The port's number stays the same for the life of the sandbox, as an address does.

/** Where our functions are: they alone use the data ports. */
const FUNCTIONS: Place = 'functions';

/** How often the port is opened or closed after its instance, clock time. */
const LOOK_EVERY = seconds(1);

const token = z.string().min(1).max(200);
const canaryBody = z.strictObject({ token });
const epochBody = z.strictObject({ epoch: z.string().min(1).max(200) });
const queryBody = z.strictObject({ query: z.string().min(1).max(2_000) });
const heartbeatBody = z.strictObject({
  sequence: z.number().int().nonnegative(),
  at: z.string().transform((text, context): Instant => {
    const at = parseInstant(text);
    if (at !== undefined) return at;
    context.addIssue('not a time');
    return z.NEVER;
  }),
});

/** A port that opens and closes with its instance. */
export interface DataPort {
  readonly port: number;
  /** Makes the port what its instance is now; also happens by itself within a second of clock time. */
  readonly settle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What a data port is made with. */
export interface DataPortOptions {
  readonly clock: WorldClock;
  readonly dataPlane: SqlDataPlane;
  readonly inventory: SqlInventory;
  readonly instance: string;
  readonly principals: (token: string) => Principal | undefined;
  /** Hears of what went wrong while opening or closing. */
  readonly onBug?: (bug: unknown) => void;
}

/** Opens the data port of an instance, on a free port number. */
export async function openDataPort(options: DataPortOptions): Promise<DataPort> {
  const { clock, dataPlane, inventory, instance, principals } = options;
  const listen = (port: number): Promise<RunningServer> =>
    startServer({
      clock,
      principals,
      port,
      from: () => FUNCTIONS,
      routes: [...dataRoutes(dataPlane, instance), ...contentRoutes(inventory, instance)],
      ...(options.onBug === undefined ? {} : { onBug: options.onBug }),
    });

  let server: RunningServer | undefined = await listen(0);
  const { port } = server;
  let closed = false;
  let settling: Promise<void> = Promise.resolve();

  const settleOnce = async (): Promise<void> => {
    const open = !closed && dataPlane.contact(FUNCTIONS, instance) !== 'connectionRefused';
    if (open && server === undefined) server = await listen(port);
    if (open || server === undefined) return;
    const ending = server;
    server = undefined;
    await ending.close();
  };
  /** One after the other: opening and closing take time. A port that somebody else took meanwhile is tried again. */
  const settle = (): Promise<void> => {
    settling = settling.then(settleOnce).catch((bug: unknown) => options.onBug?.(bug));
    return settling;
  };

  let cancel = (): void => {};
  const look = (): void => {
    void settle();
    cancel = clock.schedule(after(clock.now(), LOOK_EVERY), look);
  };
  look();
  await settling;

  return {
    port,
    settle,
    async close() {
      closed = true;
      cancel();
      await settle();
    },
  };
}

/** What a listening data port answers. */
export function dataRoutes(dataPlane: SqlDataPlane, instance: string): readonly Route[] {
  return [
    {
      method: 'POST',
      pattern: /\/dr\/canary/,
      handle: (request) => {
        const { token: canary } = bodyOf(canaryBody, request);
        return replyTo(dataPlane.canary(callerOf(request), instance, canary), () => json({ written: true }, 201));
      },
    },
    {
      method: 'GET',
      pattern: /\/dr\/canary\/(?<token>[^/]+)/,
      handle: (request, { token: canary = '' }) => {
        queryOf(request, []);
        return replyTo(dataPlane.hasCanary(callerOf(request), instance, canary), (found) =>
          json({ found }, found ? 200 : 404),
        );
      },
    },
    {
      method: 'POST',
      pattern: /\/dr\/heartbeat/,
      handle: (request) => {
        const { sequence, at } = bodyOf(heartbeatBody, request);
        const outcome = dataPlane.heartbeat(callerOf(request), instance, sequence, at);
        return replyTo(outcome, () => json({ written: true }, 201));
      },
    },
    {
      method: 'GET',
      pattern: /\/dr\/replication/,
      handle: (request) =>
        replyTo(dataPlane.replication(callerOf(request), instance), (found) => json(replicationJson(found))),
    },
    {
      method: 'POST',
      pattern: /\/dr\/epoch/,
      handle: (request) => {
        const { epoch } = bodyOf(epochBody, request);
        return replyTo(dataPlane.writeEpoch(callerOf(request), instance, epoch), () => json({ written: true }, 201));
      },
    },
    {
      method: 'GET',
      pattern: /\/dr\/epoch/,
      handle: (request) =>
        replyTo(dataPlane.epoch(callerOf(request), instance), (epoch) => json({ epoch: epoch ?? null })),
    },
    {
      method: 'GET',
      pattern: /\/dr\/sessions/,
      handle: (request) => replyTo(dataPlane.sessions(callerOf(request), instance), (sessions) => json({ sessions })),
    },
  ];
}

/** What it answers about the rows themselves. */
export function contentRoutes(inventory: SqlInventory, instance: string): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: /\/dr\/inventory/,
      handle: (request) => {
        const { since } = queryOf(request, ['since']);
        const moment = since === undefined ? undefined : parseInstant(since);
        if (since !== undefined && moment === undefined) throw invalidArgument(`${since} is not a time`);
        return replyTo(inventory.inventory(callerOf(request), instance, moment), (found) => json(contentJson(found)));
      },
    },
    {
      method: 'GET',
      pattern: /\/dr\/changes/,
      handle: (request) => {
        const { since = '' } = queryOf(request, ['since']);
        const moment = parseInstant(since);
        if (moment === undefined) throw invalidArgument(`${since} is not a time`);
        return replyTo(inventory.changes(callerOf(request), instance, moment), (found) => json(changesJson(found)));
      },
    },
    {
      method: 'POST',
      pattern: /\/dr\/query/,
      handle: (request) => {
        const { query } = bodyOf(queryBody, request);
        return replyTo(inventory.query(callerOf(request), instance, query), (value) => json({ value }));
      },
    },
  ];
}

const contentJson = ({ tables, brokenKeys }: ContentCount): unknown => ({
  tables: tables.map(({ newestAt, ...table }) => ({
    ...table,
    newestAt: newestAt === undefined ? null : toIso(newestAt),
  })),
  brokenKeys,
});

const changesJson = ({ since, changes }: ChangeCount): unknown => ({
  since: toIso(since),
  changes: changes.map(({ minute, firstAt, lastAt, ...rest }) => ({
    minute: toIso(minute),
    ...rest,
    firstAt: toIso(firstAt),
    lastAt: toIso(lastAt),
  })),
});

function replyTo<T>(outcome: DataOutcome<T>, render: (value: T) => HttpReply): HttpReply {
  switch (outcome.kind) {
    case 'answer':
      return render(outcome.value);
    case 'refusedByServer':
      return json({ refused: outcome.message }, 409);
    case 'forbidden':
      return googleError(new ApiError(403, 'notAuthorized', 'The login cloudsql.instances.login is missing.'));
    case 'connectionRefused': // the port closes within a second, which ends the connection
    case 'timeout':
      return { kind: 'silence' };
    default:
      return unreachable(outcome);
  }
}

const replicationJson = ({ heartbeat, ...rest }: Replication): unknown => ({
  ...rest,
  heartbeat: heartbeat === undefined ? null : { sequence: heartbeat.sequence, at: toIso(heartbeat.at) },
});

/** The data ports of every instance that a world has now. One that is created later has none: nobody was told its address. */
export async function dataServers(options: {
  readonly world: {
    readonly kernel: { readonly clock: WorldClock };
    readonly sql: Pick<Sql, 'dataPlane' | 'inventory' | 'fleet'>;
  };
  readonly principals: (token: string) => Principal | undefined;
}): Promise<{ readonly urls: Readonly<Record<string, string>>; readonly close: () => Promise<void> }> {
  const { kernel, sql } = options.world;
  const { principals } = options;
  const names = sql.fleet.all().map(({ name }) => name);
  const ports = await Promise.all(
    names.map((instance) => openDataPort({ ...sql, clock: kernel.clock, instance, principals, onBug: printBug })),
  );
  return {
    urls: Object.fromEntries(ports.map(({ port }, index) => [names[index] ?? '', `http://127.0.0.1:${port}`])),
    close: async () => {
      await Promise.all(ports.map((port) => port.close()));
    },
  };
}

function printBug(bug: unknown): void {
  process.stderr.write(`a data port of the sandbox: ${bug instanceof Error ? bug.message : String(bug)}\n`);
}
