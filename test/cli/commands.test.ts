import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { operateCommand } from '../../cli/commands.ts';
import { type Facts, Refusal } from '../../cli/sandbox-facts.ts';

const servers: Server[] = [];

/** A server on a free port; its base address. */
async function serve(handle: RequestListener): Promise<string> {
  const server = createServer(handle);
  servers.push(server);
  await new Promise<void>((ready) => {
    server.listen(0, '127.0.0.1', ready);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // listening on TCP, as just asked
}

/** An address at which nobody listens any more. */
async function deserted(): Promise<string> {
  const base = await serve(() => undefined);
  await new Promise((closed) => servers.pop()?.close(closed));
  return base;
}

const answering =
  (status: number, body: unknown): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

async function factsWith(approve: readonly string[]): Promise<Facts> {
  const control = await serve(answering(200, { idToken: 'mine' }));
  const known = { control, controlToken: 'x', approve };
  return known as unknown as Facts; // all of them that an operator's wish needs
}

describe('An operator’s wish', () => {
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  it('goes to the second region when the first one does not answer', async () => {
    const facts = await factsWith([await deserted(), await serve(answering(200, { mode: 'observe' }))]);
    const { exitCode, stdout } = await operateCommand(facts, { verb: 'mode', mode: 'observe' }, { json: false });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('observe');
  });

  it('is not repeated in another region when the first one has refused it', async () => {
    const facts = await factsWith([
      await serve(answering(409, { error: 'no run is under way' })),
      await serve(answering(200, {})),
    ]);
    await expect(operateCommand(facts, { verb: 'cancel' }, { json: false })).rejects.toMatchObject({ exitCode: 3 });
  });

  it('says which regions were silent when none answers', async () => {
    const [first, second] = [await deserted(), await deserted()];
    const facts = await factsWith([first, second]);
    const refused = await operateCommand(facts, { verb: 'stop' }, { json: false }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Refusal);
    expect(refused).toMatchObject({ exitCode: 4, message: expect.stringContaining(first) });
    expect(refused).toMatchObject({ message: expect.stringContaining(second) });
  });
});
