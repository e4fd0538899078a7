import { createServer } from 'node:http';
import { LAST_REQUESTS } from '../../sandbox/host/function-settings.ts';

// A function's process as its supervisor knows it: it listens, says so, and dies in several ways.

/** What the modules that were imported before it say; a deployment brings others. */
const VERSION = String(Reflect.get(globalThis, 'servedVersion') ?? 'first');

if (process.env['ENDING'] === 'atOnce') process.exit(3);

const held: (() => void)[] = [];
process.on('SIGHUP', () => {
  for (const answer of held) answer();
});
process.on(LAST_REQUESTS, () => server.close(() => process.exit(0)));

const server = createServer((request, response) => {
  if (request.url === '/crash') process.exit(16);
  if (request.url === '/held') {
    held.push(() => response.setHeader('connection', 'close').end(VERSION));
    console.log('held');
    return;
  }
  response.end(JSON.stringify({ pid: process.pid, env: process.env }));
});

server.listen(Number(process.env['PORT']), '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  console.error('a line for people');
  console.log(JSON.stringify({ severity: 'INFO', message: 'listening', port }));
});
