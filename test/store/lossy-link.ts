import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

// A stretch of network between a client and a server, with the ways in which networks fail. It knows bytes, not gRPC:
// what a test wants to lose is chosen by the moment at which it says so.

/**
 * What becomes of bytes that are under way: all arrive; what the client sends arrives, and what is answered does not,
 * on that connection never again; nothing arrives until the weather changes.
 */
type Weather = 'clear' | 'silent' | 'held';

/** A link that listens on loopback. */
export interface LossyLink {
  /** `host:port`, where the client is sent. */
  readonly host: string;
  /** From now on. */
  turn(weather: Weather): void;
  /** Ends every connection there is. */
  cut(): void;
  close(): Promise<void>;
}

/** Opens a link to a server on loopback. */
export async function openLossyLink(target: string): Promise<LossyLink> {
  const port = Number(target.split(':')[1]);
  const sockets = new Set<Socket>();
  let weather: Weather = 'clear';
  const held: (() => void)[] = [];
  const cut = () => sockets.forEach((socket) => socket.destroy());

  const server = createServer((client) => {
    const upstream = createConnection(port, '127.0.0.1');
    const end = () => [client, upstream].forEach((socket) => socket.destroy());
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end); // an end like any other
      socket.on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    const arrive = (to: Socket, bytes: Buffer) => {
      if (weather === 'held') held.push(() => to.write(bytes));
      else to.write(bytes);
    };
    client.on('data', (bytes) => arrive(upstream, bytes));
    let silent = false;
    upstream.on('data', (bytes) => {
      silent ||= weather === 'silent';
      if (!silent) arrive(client, bytes);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('loopback has no free port');

  return {
    host: `127.0.0.1:${address.port}`,
    turn: (next) => {
      weather = next;
      if (next === 'held') return;
      for (const deliver of held.splice(0)) deliver();
    },
    cut,
    close: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
