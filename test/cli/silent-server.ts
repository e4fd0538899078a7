import { once } from 'node:events';
import { createServer } from 'node:net';

/** Runs something beside a server that takes connections and says nothing; gives it the server's port on loopback. */
export async function besideSilence<T>(work: (port: number) => T | Promise<T>): Promise<T> {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  if (address === null || typeof address === 'string') throw new Error('a server on TCP has a port');
  try {
    return await work(address.port);
  } finally {
    silent.close();
  }
}
