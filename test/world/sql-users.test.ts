import { describe, expect, it } from '@jest/globals';
import { ConnectionPool } from '../../sandbox/world/application-database.ts';
import { History } from '../../sandbox/world/sql-rows.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { answered, createSqlWorld, EAST, PERSON, PRIMARY, RECOVER, REPLICA } from './sql-world.ts';

const OLD = 'horse';
const NEW = 'battery';

function withUsers() {
  const world = createSqlWorld();
  world.servers.logins.set('dms', OLD);
  const pool = (password: string, host = '10.20.0.3', client = `${password}@${host}`) =>
    new ConnectionPool(
      {
        servers: world.servers,
        nameAt: (address) => world.fleet.nameAt(address),
        credentials: { user: 'dms', password: OLD, database: 'dms' },
        port: 5432,
      },
      { host, port: 5432, user: 'dms', password, database: 'dms' },
      'pods',
      client,
    );
  const logsIn = (password: string, host?: string): boolean => {
    const own = pool(password, host, 'once');
    const { kind } = own.read(() => undefined);
    own.close();
    return kind === 'done';
  };
  const ask = () => world.admin.updateUser(PERSON, PRIMARY, 'dms', NEW);
  return { ...world, pool, logsIn, ask, change: () => world.finish(ask()), ended: world.finish.bind(world) };
}

describe('the password of a user', () => {
  it('is in force once its operation is done, and the former one is not', () => {
    const { ask, ended, logsIn } = withUsers();
    const asked = ask();

    expect([logsIn(OLD), logsIn(NEW)]).toEqual([true, false]);
    expect(ended(asked)).toMatchObject({ type: 'UPDATE_USER', target: PRIMARY, error: undefined });
    expect([logsIn(OLD), logsIn(NEW)]).toEqual([false, true]);
  });

  it('is asked for when a session begins: one that is open goes on', () => {
    const { change, fleet, pool } = withUsers();
    const held = pool(OLD);
    expect(held.read(() => 1)).toMatchObject({ kind: 'done' });
    change();

    expect(held.write({ kind: 'application', id: 'w/1' })).toMatchObject({ kind: 'done' });
    fleet.server(PRIMARY).halt('down');
    fleet.server(PRIMARY).power = 'running';
    expect(held.read(() => 1)).toMatchObject({ kind: 'failed', why: 'loginRefused' });
  });

  it('follows to a replica with its lag, and stays what it was in a clone of before', () => {
    const { admin, change, clock, disasters, ended, fleet, logsIn } = withUsers();
    ended(admin.clone(PERSON, PRIMARY, 'copy', undefined));
    disasters.setLag(REPLICA, minutes(5));
    change();
    clock.advanceBy(seconds(10));

    expect([logsIn(NEW, '10.20.0.5'), logsIn(NEW, '10.20.0.4')]).toEqual([true, false]);
    clock.advanceBy(minutes(6));
    expect(logsIn(NEW, '10.20.0.4')).toBe(true);
    expect([logsIn(OLD, fleet.instance('copy').address), logsIn(NEW, fleet.instance('copy').address)]).toEqual([
      true,
      false,
    ]);
  });

  it('is still known where the row that set it is long forgotten', () => {
    const history = new History();
    const row = { position: 1, committedAt: withUsers().clock.now(), timeline: 1 };
    history.append({ ...row, content: { kind: 'password', user: 'dms', password: NEW } });
    for (let count = 0; count < 200_001; count++) history.append({ ...row, content: { kind: 'epoch', epoch: 'e' } });

    expect(history.oldest()).toBeGreaterThan(0);
    expect(history.copy().passwordOf('dms')).toBe(NEW);
  });

  it.each([
    ['on a replica', REPLICA, 'dms', 'invalidOperation'],
    ['of a user that is not there', PRIMARY, 'mallory', 'userDoesNotExist'],
    ['on an instance that is not there', 'nowhere', 'dms', 'instanceDoesNotExist'],
  ])('is not changed %s', (_, instance, user, reason) => {
    expect(withUsers().admin.updateUser(PERSON, instance, user, NEW)).toMatchObject({
      kind: 'error',
      error: { reason },
    });
  });

  it('can be changed by whoever may, and listing users tells none', () => {
    const { admin, kernel } = withUsers();
    expect(answered(admin.users(PERSON, EAST))).toEqual(['dms', 'postgres']);
    kernel.iam.revoke(RECOVER.principal, ['cloudsql.users.*']);
    expect(admin.updateUser(RECOVER, PRIMARY, 'dms', NEW)).toMatchObject({ kind: 'error', error: { status: 403 } });
  });
});
