import type { Request, Response } from '@google-cloud/functions-framework';
import { z } from 'zod';
import { PAGE_HEADERS, refusedPage, unavailablePage } from '../shared/approvals/page.ts';
import { decide, type PageAnswer, showApproval } from '../shared/flows/approve.ts';
import { operate } from '../shared/flows/operate.ts';
import { isPortError } from '../shared/ports/port-error.ts';
import { type ApproveFunctionHome, approveHome } from '../shared/wiring/homes.ts';
import { warmPublisher, warmStore } from './warm.ts';

// The framework has parsed the body before we are asked, by its content type and up to 1 GB; what is longer than anything of
// ours is refused unread by us, and a form that `qs` made objects of is no form.

/** Bytes of a form or a wish: a token has about 700, a reason at most 2,000. */
const BODY_MAX = 16_384;

const formWire = z.object({ token: z.string().min(1).max(4_096), nonce: z.string().max(200).default('') });

const REFUSED: PageAnswer = { status: 404, body: refusedPage() };

/** The page by which people decide, and the door for authenticated operators. GET and HEAD change nothing. */
export async function onRequest(request: Request, response: Response): Promise<void> {
  const home = await approveHome();
  try {
    if (request.path === '/operate' && request.method === 'POST') await operator(request, response, home);
    else send(response, await person(request, home));
  } catch (error) {
    if (!isPortError(error)) throw error;
    home.note('an answer could not be given', { error: error.message });
    send(response, { status: 503, body: unavailablePage() });
  }
}

async function person(request: Request, home: ApproveFunctionHome): Promise<PageAnswer> {
  const opaque = /^\/approve\/([\w-]{1,64})$/.exec(request.path)?.[1];
  if (opaque === undefined) return REFUSED;
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return await showApproval(opaque, home);
    case 'POST': {
      if (
        !isSameOrigin(request, home.system.endpoints.approve) ||
        request.is('application/x-www-form-urlencoded') === false ||
        isTooLong(request)
      )
        return REFUSED;
      const form = formWire.safeParse(request.body);
      if (!form.success) return REFUSED;
      const identity = await home.signedIdentity({
        iapAssertion: request.headers['x-goog-iap-jwt-assertion'],
        bearer: bearerOf(request),
      });
      return await decide({ opaque, token: form.data.token, nonce: form.data.nonce, identity }, home);
    }
    default:
      return REFUSED;
  }
}

async function operator(request: Request, response: Response, home: ApproveFunctionHome): Promise<void> {
  const answer = isTooLong(request)
    ? { status: 413, body: { error: `more than ${BODY_MAX} bytes` } }
    : await operate({ idToken: bearerOf(request), body: request.body as unknown }, home);
  response.status(answer.status).set('Cache-Control', 'no-store').json(answer.body);
}

const bearerOf = (request: Request): string | undefined =>
  /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];

const isTooLong = ({ rawBody }: Request): boolean => (rawBody?.byteLength ?? 0) > BODY_MAX;

/**
 * A form that our own page posted. Browsers say where a request comes from; under `no-referrer` they name no origin with it
 * (`null`), so the one without the other is enough, and neither is not. `none` is a person's own doing, such as a reload.
 */
function isSameOrigin(request: Request, bases: readonly string[]): boolean {
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const ours = origin !== undefined && bases.some((base) => new URL(base).origin === origin);
  if (site === undefined) return ours;
  return (site === 'same-origin' || site === 'none') && (ours || origin === undefined || origin === 'null');
}

function send(response: Response, answer: PageAnswer): void {
  response.status(answer.status).set(PAGE_HEADERS).send(answer.body);
}

/** Loads what the first request would have to wait for (`DR_WARM`). */
export async function warm(): Promise<void> {
  await Promise.all([warmStore(approveHome()), warmPublisher('approve')]);
}
