import type { Network } from '../world/kernel.ts';
import { SECONDARY } from '../world/reference-system.ts';
import type { Run } from '../world/run.ts';
import type { RunServiceView } from '../world/run-view.ts';
import type { HttpReply, HttpRequest, Route } from './router.ts';

// Cloud Run's own front end: every service at `https://SERVICE-NUMBER.REGION.run.app`. A proxy before it says in `X-Forwarded-Host` which
// host was asked for. Only services that let everybody call them are served here: the sandbox judges no identity token of callers.

/** Whose services these are, and the network before them. */
export interface RunFrontParts {
  readonly run: Pick<Run, 'services' | 'route'>;
  readonly kernel: { readonly network: Pick<Network, 'reaches'> };
}

/** Any path of any service is the service's own. */
export function runFrontRoutes(parts: RunFrontParts): readonly Route[] {
  return [{ method: 'GET', pattern: /\/.*/, anonymous: true, handle: (request) => ask(parts, request) }];
}

function ask({ run, kernel }: RunFrontParts, request: HttpRequest): HttpReply {
  const host = request.headers['x-forwarded-host'] ?? request.host;
  const service = run.services().find(({ url }) => new URL(url).hostname === host);
  if (service === undefined || service.spec.ingress !== 'INGRESS_TRAFFIC_ALL') return page(404, 'Page not found');
  const place = service.ref.location === SECONDARY.region ? SECONDARY.place : 'cloudRun';
  if (!kernel.network.reaches('functions', place)) return { kind: 'silence' };
  return service.spec.open === true ? greeting(run, service) : page(403, 'Your client does not have permission.');
}

function greeting(run: Pick<Run, 'route'>, { ref }: RunServiceView): HttpReply {
  const route = run.route(ref);
  switch (route.kind) {
    case 'disabled':
      return page(503, 'Service Unavailable');
    case 'starting':
      return page(503, 'The request was aborted because there was no available instance.');
    case 'turnedAway':
      return page(route.status, 'Rate exceeded.');
    case 'instance':
      return route.application.state() === 'hung' ? { kind: 'silence' } : page(200, `Hello from ${route.id}`);
  }
}

const page = (status: number, body: string): HttpReply => ({
  kind: 'text',
  status,
  body: `${body}\n`,
  contentType: 'text/html; charset=utf-8',
});
