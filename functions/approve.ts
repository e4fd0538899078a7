import type { Request, Response } from '@google-cloud/functions-framework';
import { z } from 'zod';
import { PAGE_HEADERS, refusedPage } from '../shared/approvals/page.ts';
import { decide, type PageAnswer, showApproval } from '../shared/flows/approve.ts';
import { operate } from '../shared/flows/operate.ts';
import { approveHome } from '../shared/wiring/homes.ts';

const formWire = z.object({ token: z.string().min(1).max(4_096), nonce: z.string().min(1).max(200) });

/** The page by which people decide, and the door for authenticated operators. GET and HEAD change nothing. */
export async function onRequest(request: Request, response: Response): Promise<void> {
  const home = await approveHome();
  const opaque = /^\/approve\/([\w-]{1,64})$/.exec(request.path)?.[1];
  if (request.path === '/operate' && request.method === 'POST') {
    const idToken = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const answer = await operate({ idToken, body: request.body as unknown }, home);
    response.status(answer.status).set('Cache-Control', 'no-store').json(answer.body);
    return;
  }
  if (opaque !== undefined && (request.method === 'GET' || request.method === 'HEAD')) {
    send(response, await showApproval(opaque, home));
    return;
  }
  if (opaque !== undefined && request.method === 'POST') {
    const form = formWire.safeParse(request.body);
    if (
      !isSameOrigin(request, home.system.endpoints.approve) ||
      request.is('application/x-www-form-urlencoded') === false ||
      !form.success
    ) {
      send(response, { status: 404, body: refusedPage() });
      return;
    }
    const identity = await home.signedIdentity(
      request.headers['x-goog-iap-jwt-assertion'],
      request.headers.authorization,
    );
    send(response, await decide({ opaque, token: form.data.token, nonce: form.data.nonce, identity }, home));
    return;
  }
  send(response, { status: 404, body: refusedPage() });
}

/**
 * A form that our own page posted. Browsers say where a request comes from; under `no-referrer` they name no origin with it
 * (`null`), so the one without the other is enough, and neither is not.
 */
function isSameOrigin(request: Request, bases: readonly string[]): boolean {
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const ours = origin !== undefined && bases.some((base) => new URL(base).origin === origin);
  if (site === undefined) return ours;
  return site === 'same-origin' && (ours || origin === undefined || origin === 'null');
}

function send(response: Response, answer: PageAnswer): void {
  response.status(answer.status).set(PAGE_HEADERS).send(answer.body);
}
