import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { OAuth2Client } from 'google-auth-library';
import { GOOGLE_APIS } from '../../shared/providers/google-call.ts';
import type { GoogleIdentity } from '../../shared/providers/google-auth.ts';
import type { Endpoints } from '../../shared/system/system.ts';

/** One request as a vendor's server saw it. */
export interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Text of the body. */
  readonly body: string;
}

/** What the server does: an answer, or one of the ways in which a reply is lost. */
export type Reply =
  | {
      readonly status: number;
      readonly body?: unknown;
      readonly text?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Says nothing, ever. */
  | 'silence'
  /** Ends the connection with a reset, after the request has arrived. */
  | 'reset'
  /** Closes the connection, after the request has arrived. */
  | 'close'
  /** Begins an answer and breaks off. */
  | 'half';

/** A vendor's API on loopback, with answers of a test's choice. */
export interface VendorServer {
  readonly base: string;
  readonly seen: readonly Seen[];
  /** Replaces what the server does from now on. */
  answer(reply: Reply | ((request: Seen) => Reply)): void;
  close(): Promise<void>;
}

/** Starts a server on a free port of 127.0.0.1. */
export async function startVendorServer(): Promise<VendorServer> {
  let act: (request: Seen) => Reply = () => ({ status: 500 });
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      const entry = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
      seen.push(entry);
      send(act(entry), request, response);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    base: `http://127.0.0.1:${address.port}`,
    seen,
    answer: (reply) => {
      seen.length = 0;
      act = typeof reply === 'function' ? reply : () => reply;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((closed) => server.close(() => closed()));
    },
  };
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

function send(reply: Reply, request: IncomingMessage, response: ServerResponse): void {
  if (reply === 'silence') return;
  if (reply === 'reset') {
    request.socket.resetAndDestroy();
  } else if (reply === 'close') {
    request.socket.destroy();
  } else if (reply === 'half') {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"name":', () => request.socket.destroy());
  } else {
    response.writeHead(reply.status, {
      'content-type': reply.text === undefined ? 'application/json' : 'text/html',
      ...reply.headers,
    });
    response.end(reply.text ?? JSON.stringify(reply.body ?? {}));
  }
}

/** The address of a server that has gone: connections are refused. */
export async function nobodyListens(): Promise<string> {
  const server = await startVendorServer();
  await server.close();
  return server.base;
}

/** An identity with a token that is good for an hour. */
export function identity(): GoogleIdentity & { forgotten: number } {
  const client = new OAuth2Client();
  client.setCredentials({ access_token: 'a-token', expiry_date: Date.now() + 3_600_000 });
  const known = {
    forgotten: 0,
    client: () => Promise.resolve(client),
    token: () => Promise.resolve('a-token'),
    forget: () => void (known.forgotten += 1),
  };
  return known;
}

/** Endpoints where every Google API is at one address. */
export function endpointsAt(base: string): Endpoints {
  const google = Object.fromEntries([...GOOGLE_APIS, 'logging', 'redis'].map((api) => [api, base]));
  return { google, kubernetes: {}, hosts: {}, dataPlane: {}, postgres: {}, approve: [] };
}

/** The application on GKE that tests of adapters have: a Deployment `api` in the namespace `dms` of the cluster `c`. */
export const DEPLOYMENT = {
  kind: 'gke',
  id: 'api-gke',
  cluster: 'c',
  location: 'us-central1-a',
  namespace: 'dms',
  deployment: 'api',
  container: 'api',
  urlMap: undefined,
  maxReplicas: 10,
  databaseSecret: undefined,
  dependsOn: [],
  probes: { deepHealth: 'https://x/', canary: 'https://x/', vantage: undefined },
} as const;
