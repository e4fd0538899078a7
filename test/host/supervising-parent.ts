import { fileURLToPath } from 'node:url';
import { startFunction } from '../../sandbox/host/function-process.ts';

// A parent to be killed: starts a function, says where it serves, and stays.

const served = startFunction({
  name: 'orphan',
  script: fileURLToPath(new URL('./served-function.ts', import.meta.url)),
  port: 0,
  env: {},
  onLine: () => undefined,
  onExit: () => undefined,
});
await served.ready();
console.log(JSON.stringify({ url: served.url }));
