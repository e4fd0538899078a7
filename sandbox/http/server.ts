import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { assert, unreachable } from '../../shared/core/assert.ts';
import { after } from '../../shared/core/time.ts';
import { ApiError, type Place, type Principal, type WorldClock } from '../world/kernel.ts';
import { googleError, invalidArgument, notFound } from './google-error.ts';
import { type HttpReply, type HttpRequest, matchRoute, type Route } from './router.ts';

// The HTTP kernel of every face: it reads a request, names its caller, finds its route and writes the reply.
//
// H1. It listens on loopback only.
// H2. A refusal of its own (401, 404, 400, 413) has the form that the face's clients decode: `refuse`.
// H3. `silence` writes nothing, ever: only the client's own deadline, or `close`, ends the exchange.
// H4. A WebSocket is spoken where a route answers with one; everything else that asks for an upgrade is answered plainly.
// H5. After `close` no socket of this server is left, so a test or a killed sandbox leaves nothing behind.

/** Largest request body, bytes: a Pub/Sub publish, the largest message that anybody sends here, may have 10 MB. */
const BODY_BYTES_MAX = 10_000_000;

/** RFC 6455, section 7.4.1. */
const NORMAL_CLOSURE = 1_000;

/** How a server is made. */
export type ServerOptions = {
  readonly routes: readonly Route[];
  /** Who a bearer token names; `undefined` for an unknown or expired one. */
  readonly principals: (token: string) => Principal | undefined;
  /** Where a caller connects from; by default a service account's calls come from `functions`, all others from `internet`. */
  readonly from?: (principal: Principal | undefined) => Place;
  /** The form of the kernel's own refusals, and of an `ApiError` that a route throws; Google's by default. */
  readonly refuse?: (error: ApiError) => HttpReply;
  /** By which a delayed answer waits; a server whose routes pass the door needs one. */
  readonly clock?: WorldClock;
  /** Serves https with this key and certificate, both PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** A free port by default. */
  readonly port?: number;
  /** Hears of bugs: whatever a route throws that is no `ApiError`. The caller gets a 500. Writes to stderr by default. */
  readonly onBug?: (bug: unknown) => void;
};

/** A server that listens. */
export type RunningServer = { readonly port: number; close(): Promise<void> };

/** Listens on 127.0.0.1. Resolves once connections are accepted; rejects when the port is taken. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const listener = (incoming: IncomingMessage, response: ServerResponse): void =>
    void exchange(options, incoming, response);
  // Other upgrades than this one are ordinary requests to Node, as they are without a listener.
  const settings = { shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade === 'websocket' };
  const server = options.tls
    ? createTlsServer({ ...options.tls, ...settings }, listener)
    : createServer(settings, listener);
  const webSockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (incoming, socket, head) => void upgrade(options, webSockets, { incoming, socket, head }));
  const port = await listening(server, options.port ?? 0);
  return {
    port,
    close: () => {
      for (const open of webSockets.clients) open.terminate();
      return closed(server);
    },
  };
}

/** A request that would go on as a WebSocket. */
async function upgrade(
  options: ServerOptions,
  webSockets: WebSocketServer,
  { incoming, socket, head }: { readonly incoming: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
): Promise<void> {
  const answered = await answer(options, incoming, () => Promise.resolve(Buffer.alloc(0)));
  if (answered?.kind === 'webSocket') {
    // The library agrees to the first that is offered.
    incoming.headers['sec-websocket-protocol'] = answered.protocol;
    webSockets.handleUpgrade(incoming, socket, head, (open) =>
      answered.start(
        (message) => open.send(message),
        // A close without a code is an error to its client.
        () => open.close(NORMAL_CLOSURE),
      ),
    );
    return;
  }
  if (answered === undefined || !(socket instanceof Socket)) return void socket.destroy();
  const response = new ServerResponse(incoming);
  response.assignSocket(socket);
  response.shouldKeepAlive = false;
  response.on('finish', () => socket.end());
  await sendLate(options.clock, answered, response);
}

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('the server has no port'));
      else resolve(address.port);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()));
    server.closeAllConnections();
  });
}

async function exchange(options: ServerOptions, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const answered = await answer(options, incoming, bodyOf);
  if (answered === undefined) return;
  try {
    await sendLate(options.clock, answered, response);
  } catch (error) {
    (options.onBug ?? printBug)(error);
    response.destroy();
  }
}

/** What the route answers, or the refusal that came instead; `undefined` when the client is gone. */
async function answer(
  options: ServerOptions,
  incoming: IncomingMessage,
  body: (incoming: IncomingMessage) => Promise<Buffer>,
): Promise<HttpReply | undefined> {
  try {
    return await reply(options, incoming, body);
  } catch (error) {
    if (error instanceof ClientLeft) return undefined;
    if (!(error instanceof ApiError)) (options.onBug ?? printBug)(error);
    const refuse = options.refuse ?? googleError;
    return refuse(error instanceof ApiError ? error : new ApiError(500, 'backendError', 'Internal error encountered.'));
  }
}

async function reply(
  options: ServerOptions,
  incoming: IncomingMessage,
  body: (incoming: IncomingMessage) => Promise<Buffer>,
): Promise<HttpReply> {
  const url = targetOf(incoming);
  const method = incoming.method ?? 'GET';
  const match = matchRoute(options.routes, method, url.pathname);
  // A body is read before any refusal, so that the client gets the answer and not a reset connection.
  const bytes = await body(incoming);
  if (match.kind === 'notFound') throw notFound(`The requested URL ${url.pathname} was not found on this server.`);
  if (match.kind === 'malformed') throw invalidArgument('The requested URL is malformed.');
  const principal = principalOf(options, incoming);
  if (principal === undefined && !match.route.anonymous) throw unauthenticated();
  const request: HttpRequest = {
    method,
    path: url.pathname,
    host: url.host,
    query: url.searchParams,
    headers: headersOf(incoming),
    body: match.route.raw ? undefined : parsed(bytes.toString('utf8'), incoming.headers['content-type']),
    bytes,
    principal,
    from: (options.from ?? defaultPlace)(principal),
  };
  return match.route.handle(request, match.params);
}

/** gcloud behind `CLOUDSDK_PROXY_*` sends the whole URL in the request line; `new URL` takes both forms. */
function targetOf(incoming: IncomingMessage): URL {
  try {
    return new URL(incoming.url ?? '/', `http://${incoming.headers.host ?? '127.0.0.1'}`);
  } catch {
    throw invalidArgument('The requested URL is malformed.');
  }
}

function principalOf(options: ServerOptions, incoming: IncomingMessage): Principal | undefined {
  const token = /^bearer +(\S+)$/i.exec(incoming.headers.authorization ?? '')?.[1];
  return token === undefined ? undefined : options.principals(token);
}

function unauthenticated(): ApiError {
  const why =
    'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid';
  return new ApiError(401, 'authError', `${why} authentication credential.`);
}

const defaultPlace = (principal: Principal | undefined): Place =>
  principal?.endsWith('.gserviceaccount.com') ? 'functions' : 'internet';

function headersOf(incoming: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

/** The client went away before its request was complete: nobody is left to answer. */
class ClientLeft extends Error {}

function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      // Past the limit the rest is read and dropped.
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
      else chunks.length = 0;
    });
    incoming.on('end', () => {
      if (bytes > BODY_BYTES_MAX)
        reject(new ApiError(413, 'uploadTooLarge', `The request body exceeds ${BODY_BYTES_MAX} bytes.`));
      else resolve(Buffer.concat(chunks));
    });
    incoming.on('error', () => reject(new ClientLeft()));
  });
}

function parsed(text: string, contentType: string | undefined): unknown {
  if (text === '') return undefined;
  if (contentType !== undefined && !/json/i.test(contentType)) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ApiError(400, 'parseError', 'Invalid JSON payload received.');
  }
  return value === '' ? undefined : value;
}

async function sendLate(clock: WorldClock | undefined, outgoing: HttpReply, response: ServerResponse): Promise<void> {
  const delay = outgoing.kind === 'json' || outgoing.kind === 'bytes' ? outgoing.delay : undefined;
  if (delay !== undefined) {
    assert(clock, 'a server whose answers may be slow is started with a clock');
    await new Promise<void>((resolve) => clock.schedule(after(clock.now(), delay), resolve));
  }
  send(outgoing, response);
}

function send(outgoing: HttpReply, response: ServerResponse): void {
  switch (outgoing.kind) {
    case 'silence':
      return;
    case 'webSocket':
      response.writeHead(426, { upgrade: 'websocket', connection: 'upgrade' });
      response.end();
      return;
    case 'json':
      response.writeHead(outgoing.status, { 'content-type': 'application/json; charset=UTF-8', ...outgoing.headers });
      response.end(`${JSON.stringify(outgoing.body)}\n`);
      return;
    case 'text':
    case 'bytes':
      response.writeHead(outgoing.status, { 'content-type': outgoing.contentType, ...outgoing.headers });
      response.end(outgoing.body);
      return;
    case 'stream': {
      response.writeHead(200, { 'content-type': outgoing.contentType ?? 'application/json' });
      response.flushHeaders();
      const write = (chunk: string): void => {
        if (!response.writableEnded && !response.destroyed) response.write(chunk);
      };
      outgoing.start(
        write,
        () => response.end(),
        (listener) => response.on('close', listener),
      );
      return;
    }
    default:
      unreachable(outgoing);
  }
}

function printBug(bug: unknown): void {
  process.stderr.write(`bug in a route of the sandbox: ${bug instanceof Error ? bug.stack : String(bug)}\n`);
}
