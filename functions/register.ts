import './lean-zod.ts';
import { cloudEvent, http, type Request, type Response } from '@google-cloud/functions-framework';
import type { FunctionName } from '../shared/system/names.ts';

// A function's own code, and the clients that it needs, are loaded when it is first called, so that each process holds only its own
// (facts.md section 15), or before it serves, where it is to be warm.

/** What Pub/Sub delivers, as the framework hands it on; each function parses it. */
interface Message {
  readonly source: string;
  readonly data?: unknown;
}

/** A module that can load what its first call would have to wait for; what fails meanwhile changes nothing. */
interface Warm {
  warm(): Promise<void>;
}

interface Listener extends Warm {
  onMessage(event: Message): Promise<void>;
}

interface Server extends Warm {
  onRequest(request: Request, response: Response): Promise<void>;
}

/** Registers a function that messages are pushed to. Resolves when it is warm, where `DR_WARM` is 1 and the process serves this one. */
export async function listen(name: FunctionName, load: () => Promise<Listener>): Promise<void> {
  cloudEvent(name, async (event: Message) => (await load()).onMessage(event));
  await warmed(name, load);
}

/** Registers a function that answers requests, likewise. */
export async function serve(name: FunctionName, load: () => Promise<Server>): Promise<void> {
  http(name, async (request, response) => (await load()).onRequest(request, response));
  await warmed(name, load);
}

async function warmed(name: FunctionName, load: () => Promise<Warm>): Promise<void> {
  if (process.env['DR_WARM'] === '1' && process.env['FUNCTION_TARGET'] === name) await (await load()).warm();
}
