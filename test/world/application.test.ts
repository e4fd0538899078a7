import { describe, expect, it } from '@jest/globals';
import { redact } from '../../shared/core/redact.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { createApplicationWorld, PASSWORD, urlOf } from './application-world.ts';
import { EAST, PRIMARY, RECOVER, REPLICA } from './sql-world.ts';

const SECRET = { place: 'pods', secret: REFERENCE.databaseSecret };
const canary = (token: string) => ({ kind: 'canaryWrite', token }) as const;
const text = (instance: { log(): readonly { readonly text: string }[] }) =>
  instance
    .log()
    .map((line) => line.text)
    .join('\n');

describe('the application', () => {
  it('needs some seconds to start, and then writes and reads', () => {
    const world = createApplicationWorld();
    const instance = world.applications.launch({ id: 'api-1', ...SECRET });
    world.clock.advanceBy(seconds(4));
    expect(instance.state()).toBe('starting');
    world.clock.advanceBy(seconds(11));
    expect([instance.state(), instance.ready()]).toEqual(['serving', true]);
    world.launch('api-2');
    expect(world.ask({ kind: 'canaryRead', token: 'a' })).toMatchObject({ status: 404 });
    expect(world.ask(canary('a'))).toMatchObject({ status: 201, body: { written: true } });
    expect(world.ask({ kind: 'canaryRead', token: 'a' })).toMatchObject({ status: 200 });
    expect(world.ask({ kind: 'health' })).toMatchObject({
      status: 200,
      body: {
        status: 'ok',
        instance: 'api-2',
        database: { address: '10.20.0.3:5432', epoch: null, inRecovery: false, writable: true },
      },
    });
  });

  it('reads its address when it starts and never again', () => {
    const world = createApplicationWorld();
    world.launch('api-1');
    world.finish(world.admin.promoteReplica(RECOVER, REPLICA));
    world.secrets.set(REFERENCE.databaseSecret, urlOf('10.20.0.4'));
    world.ask(canary('old'));
    expect(world.servers.server(PRIMARY)?.history.hasCanary('old')).toBe(true);
    const restarted = createApplicationWorld();
    restarted.finish(restarted.admin.promoteReplica(RECOVER, REPLICA));
    restarted.secrets.set(REFERENCE.databaseSecret, urlOf('10.20.0.4'));
    restarted.launch('api-2');
    restarted.ask(canary('new'));
    expect(restarted.servers.server(REPLICA)?.history.hasCanary('new')).toBe(true);
    expect(restarted.servers.server(PRIMARY)?.history.hasCanary('new')).toBe(false);
  });

  it('answers 500 and says why in its log while the database refuses, and stays ready', () => {
    const world = createApplicationWorld();
    const instance = world.launch('api-1');
    world.disasters.breakZone(PRIMARY, 'refuses');
    expect(world.ask({ kind: 'userWrite', id: 'u' })).toMatchObject({ status: 500 });
    expect(world.ask({ kind: 'health' })).toMatchObject({ status: 503, body: { status: 'failing' } });
    expect(text(instance)).toContain('Connection refused');
    expect(text(instance)).toContain('HTTP/1.1" 500');
    expect(instance.ready()).toBe(true);
  });

  it('waits for its own time-out when nothing answers', () => {
    const world = createApplicationWorld();
    world.launch('api-1');
    world.kernel.network.cut('pods', `sql/${PRIMARY}`);
    expect(world.ask(canary('x'))).toMatchObject({ status: 500, takes: seconds(5) });
  });

  it("runs the runbook's own proof in its container, which a replica passes too and a dead server does not", () => {
    const world = createApplicationWorld();
    const connect = ['python', '-c', 'from src.backend.database import engine; engine.connect()'];
    expect(world.launch('api-1').run?.(connect)).toEqual({ code: 0, stdout: '', stderr: '' });
    world.disasters.breakZone(PRIMARY, 'refuses');
    expect(world.launch('api-2').run?.(connect)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Connection refused'),
    });
    world.secrets.set(REFERENCE.databaseSecret, urlOf('10.20.0.4'));
    const onReplica = world.launch('api-3');
    expect(onReplica.run?.(connect)?.code).toBe(0);
    expect(onReplica.run?.(['python', '-c', 'print(1)'])?.code).toBe(1);
    expect(onReplica.run?.(['bash'])).toBeUndefined();
  });

  it('reports a replica as in recovery and refuses to write there', () => {
    const world = createApplicationWorld();
    world.secrets.set(REFERENCE.databaseSecret, urlOf('10.20.0.4'));
    const instance = world.launch('api-1');
    expect(world.ask({ kind: 'health' })).toMatchObject({
      status: 503,
      body: { database: { inRecovery: true, writable: false } },
    });
    expect(world.ask(canary('x'))).toMatchObject({ status: 500 });
    expect(text(instance)).toContain('read-only transaction');
  });

  it('is refused with a wrong password', () => {
    const world = createApplicationWorld();
    world.secrets.set(REFERENCE.databaseSecret, urlOf('10.20.0.3', 'guess'));
    const instance = world.launch('api-1');
    expect(world.ask(canary('x'))).toMatchObject({ status: 500 });
    expect(text(instance)).toContain('password authentication failed');
    expect(world.servers.server(PRIMARY)?.sessions.size).toBe(0);
  });

  it('ends when its secret holds no address', () => {
    const world = createApplicationWorld();
    world.secrets.set(REFERENCE.databaseSecret, 'not a url');
    expect(world.launch('api-1').state()).toBe('crashed');
    world.secrets.clear();
    expect(world.launch('api-2').state()).toBe('crashed');
  });

  it('prints its password once, which redaction takes out', () => {
    const world = createApplicationWorld();
    const log = text(world.launch('api-1'));
    expect(log.split(PASSWORD)).toHaveLength(2);
    expect(redact(log)).not.toContain(PASSWORD);
  });

  it('holds a session until it ends or its server goes down', () => {
    const world = createApplicationWorld();
    const instance = world.launch('api-1');
    const sessions = () => [...(world.servers.server(PRIMARY)?.sessions.values() ?? [])];
    expect(sessions()).toEqual([{ client: 'api-1', place: 'pods' }]);
    world.finish(world.admin.restart(RECOVER, PRIMARY));
    expect(sessions()).toEqual([]);
    world.ask(canary('x'));
    expect(sessions()).toHaveLength(1);
    instance.stop();
    expect(sessions()).toEqual([]);
  });

  it('hangs: it is not ready, does not answer, and does not end', () => {
    const world = createApplicationWorld();
    const instance = world.launch('api-1');
    const process = world.applications.process(instance);
    process?.hang();
    expect([instance.state(), instance.ready()]).toEqual(['hung', false]);
    expect(process?.handle({ kind: 'health' })).toEqual({ kind: 'silence' });
    process?.unhang();
    expect(process?.handle({ kind: 'health' })).toMatchObject({ status: 200 });
  });
});

describe('the prober', () => {
  const probe = (world: ReturnType<typeof createApplicationWorld>, address: string, token = 't') => {
    const running = world.applications.running().find(({ role }) => role === 'prober');
    const process = running ?? world.applications.process(world.launch(REFERENCE.prober));
    return process?.handle({ kind: 'probe', address, token });
  };

  it('says what a connection from its place meets, and whether the path is good at all', () => {
    const world = createApplicationWorld();
    expect(probe(world, '10.20.0.3:5432')).toMatchObject({ body: { outcome: 'written', control: 'ok' } });
    expect(world.servers.server(PRIMARY)?.history.hasCanary('t')).toBe(true);
    expect(probe(world, '10.20.0.4:5432')).toMatchObject({ body: { outcome: 'refusedByServer', control: 'ok' } });
    expect(probe(world, '10.20.0.99:5432')).toMatchObject({ body: { outcome: 'unreachable' } });
    world.disasters.breakZone(PRIMARY, 'refuses');
    expect(probe(world, '10.20.0.3:5432')).toMatchObject({ body: { outcome: 'connectionRefused', control: 'ok' } });
    world.kernel.network.cut('pods', `sql/${PRIMARY}`);
    expect(probe(world, '10.20.0.3:5432')).toMatchObject({ body: { outcome: 'timeout', control: 'ok' } });
    for (const name of [REPLICA, EAST]) world.kernel.network.cut('pods', `sql/${name}`);
    expect(probe(world, '10.20.0.3:5432')).toMatchObject({ body: { outcome: 'timeout', control: 'failed' } });
  });

  it('never writes by itself and holds no session', () => {
    const world = createApplicationWorld();
    probe(world, '10.20.0.4:5432');
    world.clock.advanceBy(minutes(10));
    expect(world.servers.server(PRIMARY)?.history.count()).toBe(0);
    expect(world.servers.server(REPLICA)?.sessions.size).toBe(0);
  });
});

describe('the front end', () => {
  it('asks ready instances in turn and counts what they answer', () => {
    const world = createApplicationWorld();
    for (const id of ['api-1', 'api-2']) world.launch(id);
    const served = [1, 2, 3].map(() => world.ask({ kind: 'health' }));
    expect(served.map((reply) => reply.kind === 'reply' && (reply.body as { instance: string }).instance)).toEqual(
      expect.arrayContaining(['api-1', 'api-2']),
    );
    world.disasters.breakZone(PRIMARY, 'refuses');
    world.ask(canary('x'));
    expect(world.front.counts('api')).toMatchObject({ '2xx': 3, '5xx': 1 });
  });

  it('answers 502 without an instance, and not at all from a place that does not reach it', () => {
    const world = createApplicationWorld();
    expect(world.ask({ kind: 'health' })).toMatchObject({ status: 502 });
    world.kernel.network.cut('internet', 'pods');
    expect(world.ask({ kind: 'health' })).toEqual({ kind: 'silence' });
  });

  it('gives a hung instance up after half a minute', () => {
    const world = createApplicationWorld();
    const instance = world.launch('api-1');
    world.front.add('stuck', { front: 'ingress', place: 'pods', next: () => ({ kind: 'instance', instance }) });
    world.applications.process(instance)?.hang();
    expect(world.front.request('internet', 'stuck', { kind: 'health' })).toMatchObject({
      status: 504,
      takes: seconds(30),
    });
  });
});
