import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { unreachable } from '../../shared/core/assert.ts';
import type { InvokerVerdict } from '../http/oidc.ts';

/**
 * Puts Cloud Run's check of the caller before everything that a server does: the function sees only requests of those who may
 * invoke it. Without a token 403, with a bad one 401, and 503 when the issuer's keys can't be had (Pub/Sub tries again).
 */
export function admitInvokers(
  server: Server,
  check: (authorization: string | undefined) => Promise<InvokerVerdict>,
): void {
  const handlers = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void check(request.headers.authorization).then(
      (verdict) => {
        const refusal = refusalOf(verdict);
        if (refusal !== undefined) refuse(request, response, refusal);
        else for (const handler of handlers) handler.call(server, request, response);
      },
      () => refuse(request, response, 503),
    );
  });
}

function refusalOf(verdict: InvokerVerdict): number | undefined {
  switch (verdict.kind) {
    case 'admitted':
      return undefined;
    case 'invalid':
      return 401;
    case 'missing':
    case 'notInvoker':
      return 403;
    default:
      return unreachable(verdict);
  }
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number): void {
  request.resume(); // the body is read and dropped, or the answer might be lost with the connection
  response.writeHead(status).end();
}
