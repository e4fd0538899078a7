import { z } from 'zod';
import { unreachable } from '../../shared/core/assert.ts';
import { seconds } from '../../shared/core/time.ts';
import type { ApplicationFront } from '../world/application-front.ts';
import type { ApplicationReply } from '../world/application-request.ts';
import type { Place, WorldClock } from '../world/kernel.ts';
import { bodyOf } from './google-request.ts';
import type { HttpReply, Route } from './router.ts';
import { startServer } from './server.ts';

// The public side of one service of the reference application: deep health, canary, and the prober's probe. The contract is in
// docs/configuration.md. Nobody needs a token: it is what the team's load balancer lets our functions reach.

/** Where those who call over HTTP are: our functions. Users of the load are inside of the world. */
const CALLERS: Place = 'functions';

/** Shorter waits are below what the sandbox's own transport takes. */
const NOTICEABLE = seconds(1);

const token = z.string().min(1).max(200);
const canaryBody = z.strictObject({ token });
const probeBody = z.strictObject({ address: z.string().regex(/^[^\s:/]+(:\d{1,5})?$/), token });

/** Routes of one service. `from` is where its callers connect from. */
export function applicationRoutes(options: {
  readonly front: ApplicationFront;
  readonly service: string;
  readonly from: Place;
}): readonly Route[] {
  const { front, service, from } = options;
  const ask = (request: Parameters<ApplicationFront['request']>[2]): HttpReply =>
    replyOf(front.request(from, service, request));
  return [
    { method: 'GET', pattern: /\/dr\/health/, anonymous: true, handle: () => ask({ kind: 'health' }) },
    {
      method: 'POST',
      pattern: /\/dr\/canary/,
      anonymous: true,
      handle: (request) => ask({ kind: 'canaryWrite', token: bodyOf(canaryBody, request).token }),
    },
    {
      method: 'GET',
      pattern: /\/dr\/canary\/(?<token>[^/]+)/,
      anonymous: true,
      handle: (_request, { token: canary = '' }) => ask({ kind: 'canaryRead', token: canary }),
    },
    {
      method: 'POST',
      pattern: /\/dr\/probe/,
      anonymous: true,
      handle: (request) => ask({ kind: 'probe', ...bodyOf(probeBody, request) }),
    },
  ];
}

function replyOf(reply: ApplicationReply): HttpReply {
  switch (reply.kind) {
    case 'silence':
      return { kind: 'silence' };
    case 'reply':
      return {
        kind: 'json',
        status: reply.status,
        body: reply.body,
        ...(reply.takes < NOTICEABLE ? {} : { delay: reply.takes }),
      };
    default:
      return unreachable(reply);
  }
}

/** A server for each service of a world, by service name. */
export async function applicationServers(options: {
  readonly world: { readonly kernel: { readonly clock: WorldClock }; readonly front: ApplicationFront };
}): Promise<{ readonly urls: Readonly<Record<string, string>>; readonly close: () => Promise<void> }> {
  const { kernel, front } = options.world;
  const names = front.names();
  const servers = await Promise.all(
    names.map((service) =>
      startServer({
        clock: kernel.clock,
        principals: () => undefined,
        routes: applicationRoutes({ front, service, from: CALLERS }),
      }),
    ),
  );
  return {
    urls: Object.fromEntries(servers.map(({ port }, index) => [names[index] ?? '', `http://127.0.0.1:${port}`])),
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
