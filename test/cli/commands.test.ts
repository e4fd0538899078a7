import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { askFor, type Wished } from '../../cli/ask-for-more.ts';
import { operateCommand, publishCommand } from '../../cli/commands.ts';
import { type Facts, Refusal } from '../../cli/sandbox-facts.ts';
import { parseCommand } from '../../shared/signals/command.ts';

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

const publishWire = z.object({ messages: z.array(z.object({ data: z.string() })) });

describe('Asking for more of an application, or for a restart', () => {
  /** A Pub/Sub that keeps what is published, and what `./dr` knows of it. */
  async function publishing() {
    const published: unknown[] = [];
    const google = await serve((request, response) => {
      void json(request).then((body) => {
        const { messages } = publishWire.parse(body);
        published.push(...messages.map(({ data }) => JSON.parse(Buffer.from(data, 'base64').toString()) as unknown));
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ messageIds: ['1'] }));
      });
    });
    const known = { google, project: 'p', operatorToken: 't', config: 'dr.yaml', startClock: 0, startWall: 0, rate: 1 };
    return { published, facts: known as unknown as Facts }; // all of them that publishing needs
  }

  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  it('refuses a moment that is none before anything is published', async () => {
    const { published, facts } = await publishing();
    const wish = { command: 'start', runbook: 'tenant-restore', target: 'tenant/a/b', reason: 'r' } as const;
    await expect(publishCommand(facts, { ...wish, moment: 'yesterday' }, { json: true })).rejects.toThrow(
      '--moment takes a time of RFC 3339, not yesterday',
    );
    expect(published).toEqual([]);
    await publishCommand(facts, { ...wish, moment: '2026-01-05T08:00:00Z' }, { json: true });
    expect(published).toEqual([expect.objectContaining({ moment: '2026-01-05T08:00:00Z' })]);
  });

  it.each<[Wished, string, string]>([
    ['scale', 'api-gke', 'deployment-scale-up'],
    ['scale', 'api-run', 'service-scale-up'],
    ['restart', 'api-gke', 'rollout-restart'],
  ])('publishes what trigger would: %s %s is %s', async (wished, application, runbook) => {
    const { facts, published } = await publishing();
    const { stdout } = await askFor(facts, wished, { application, reason: 'busy' }, { json: true });

    expect(published).toEqual([
      expect.objectContaining({ kind: 'dr.command', command: 'start', runbook, target: application, reason: 'busy' }),
    ]);
    expect(published.map((message) => parseCommand(message).ok)).toEqual([true]);
    expect(JSON.parse(stdout)).toMatchObject({ messageId: '1', opens: expect.stringMatching(/^inc-/) });
  });

  it('publishes nothing for what dr.yaml does not have, or what Cloud Run does by itself', async () => {
    const { facts, published } = await publishing();
    const ask = (wished: Wished, application: string) =>
      askFor(facts, wished, { application, reason: 'busy' }, { json: false });

    await expect(ask('scale', 'api')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('api-gke'),
    });
    await expect(ask('restart', 'api-run')).rejects.toMatchObject({ exitCode: 2 });
    expect(published).toEqual([]);
  });
});

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
