import { cloudEvent, http } from '@google-cloud/functions-framework';

/** What Pub/Sub delivers, as the framework hands it on; each function parses it. */
interface Message {
  readonly source: string;
  readonly data?: unknown;
}

// The composition root and the entry point of every function. A function's own code, and the clients that it needs, are loaded
// when it is first called, so that each process holds only its own (facts.md section 15).

cloudEvent('classify', async (event: Message) => (await import('./classify.ts')).onMessage(event));
cloudEvent('heal', async (event: Message) => (await import('./heal.ts')).onMessage(event));
cloudEvent('recover', async (event: Message) => (await import('./recover.ts')).onMessage(event));
cloudEvent('notify', async (event: Message) => (await import('./notify.ts')).onMessage(event));
cloudEvent('tick', async (event: Message) => (await import('./tick.ts')).onMessage(event));
http('approve', async (request, response) => (await import('./approve.ts')).onRequest(request, response));
http('status', async (request, response) => (await import('./status.ts')).onRequest(request, response));

if (process.env['DR_WARM'] === '1') await (await import('./warm.ts')).warm(process.env['FUNCTION_TARGET'] ?? '');
