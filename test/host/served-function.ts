import { createServer } from 'node:http';

// A function's process as its supervisor knows it: it listens, says so, and dies in several ways.

if (process.env['ENDING'] === 'atOnce') process.exit(3);

const server = createServer((request, response) => {
  if (request.url === '/crash') process.exit(16);
  response.end(JSON.stringify({ pid: process.pid, env: process.env }));
});

server.listen(Number(process.env['PORT']), '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  console.error('a line for people');
  console.log(JSON.stringify({ severity: 'INFO', message: 'listening', port }));
});
