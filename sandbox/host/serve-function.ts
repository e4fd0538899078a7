import { flushCompileCache } from 'node:module';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { invokerCheck } from '../http/oidc.ts';
import { clockTime, LAST_REQUESTS, parseFunctionSettings } from './function-settings.ts';
import { admitInvokers } from './invoker-gate.ts';

// The process of one function, as Cloud Run would host it: the framework's own server on loopback, behind the check of who
// invokes it. The functions are registered by a module that is preloaded (`--import`); this one knows none of them.
//
// The framework's own main binds all interfaces, so it isn't used here; deployment uses it (decisions.md 21).

/** With this code the framework's main ends a process after an error that nobody caught. */
const UNCAUGHT = 16;

const { target, port, admission, clock } = parseFunctionSettings(process.env);

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error) => {
    console.error(event, error);
    process.exit(UNCAUGHT);
  });
}

const server = getTestServer(target);
// Cloud Run sends no more requests to an instance of a former version, and ends it when it has answered those that it has.
let isLast = false;
process.once(LAST_REQUESTS, () => {
  isLast = true;
  server.close(() => process.exit(0));
});
server.on('request', (_request, response) => {
  response.on('close', () => setImmediate(() => isLast && server.closeIdleConnections()));
});
server.listen(port, '127.0.0.1', () => {
  const address = server.address();
  const listening = typeof address === 'object' && address !== null ? address.port : port;
  if (admission.kind === 'invokers') {
    const { issuer, invokers } = admission;
    const audience = `http://127.0.0.1:${listening}`;
    const now = () => clockTime(clock, Date.now());
    admitInvokers(server, invokerCheck({ issuer, audience, invokers, now }));
  }
  // Node writes it at an orderly end, and a function of the sandbox may have none.
  flushCompileCache();
  console.log(JSON.stringify({ severity: 'INFO', message: 'listening', function: target, port: listening }));
});
