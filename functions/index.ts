import { cloudEvent, http } from '@google-cloud/functions-framework';

// The composition root and the entry point of every function. A function's own code, and the clients that it needs, are loaded
// when it is first called, so that each process holds only its own (facts.md section 15).

cloudEvent('classify', async (event) => (await import('./classify.ts')).onMessage(event));
cloudEvent('heal', async (event) => (await import('./heal.ts')).onMessage(event));
cloudEvent('recover', async (event) => (await import('./recover.ts')).onMessage(event));
cloudEvent('notify', async (event) => (await import('./notify.ts')).onMessage(event));
cloudEvent('tick', async (event) => (await import('./tick.ts')).onMessage(event));
http('approve', async (request, response) => (await import('./approve.ts')).onRequest(request, response));
http('status', async (request, response) => (await import('./status.ts')).onRequest(request, response));
