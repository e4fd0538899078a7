import type { Request, Response } from '@google-cloud/functions-framework';
import { z } from 'zod';
import { incidentTimeline, type Overview, overview, stopText } from '../shared/flows/status.ts';
import { incidentPage, overviewPage, type OverviewView, STATUS_HEADERS } from '../shared/status/page.ts';
import { statusHome } from '../shared/wiring/homes.ts';
import { warmStore } from './warm.ts';

/** Status as JSON (`/status.json`) and as plain pages (`/`, `/incidents/ID`). Reads only. */
export async function onRequest(request: Request, response: Response): Promise<void> {
  const { store } = statusHome();
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.status(405).set('Allow', 'GET, HEAD').end();
    return;
  }
  if (request.path === '/status.json') {
    response
      .status(200)
      .set('Cache-Control', 'no-store')
      .json(await overview(store));
    return;
  }
  if (request.path === '/') {
    response
      .status(200)
      .set(STATUS_HEADERS)
      .send(overviewPage(viewOf(await overview(store))));
    return;
  }
  const id = /^\/incidents\/(inc-[a-z2-7]{10})$/.exec(request.path)?.[1];
  const incident = id === undefined ? undefined : await incidentTimeline(id, store);
  if (id === undefined || incident === undefined)
    response.status(404).set('Cache-Control', 'no-store').send('There is no such page.\n');
  else response.status(200).set(STATUS_HEADERS).send(incidentPage(id, incident));
}

const summaryWire = z.object({ phase: z.string(), scenario: z.string().nullable(), headline: z.string() });

function viewOf(seen: Overview): OverviewView {
  return {
    incidents: seen.incidents.map(({ id, summary }) => {
      const read = summaryWire.safeParse(summary);
      return {
        id,
        phase: read.data?.phase ?? 'unknown',
        scenario: read.data?.scenario ?? 'not named yet',
        headline: read.data?.headline ?? '',
      };
    }),
    stopped: stopText(seen.killSwitch),
    refused: seen.refused.map(({ key, value }) => `${key}: ${JSON.stringify(value)}`),
  };
}

/** Loads what the first request would have to wait for (`DR_WARM`). */
export async function warm(): Promise<void> {
  await warmStore(statusHome());
}
