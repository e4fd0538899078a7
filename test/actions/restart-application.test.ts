import { describe, expect, it } from '@jest/globals';
import { restartApplication } from '../../shared/actions/restart-application.ts';
import type { ServiceRestart } from '../../shared/ports/service-restarts.ts';
import { SYSTEM } from '../classify/looks.ts';
import { contextOf } from './context.ts';

const WANTED = { application: 'api-run', stamp: 'inc-a/restart', instead: [{ secret: 'jwt-key', version: '3' }] };

const WELL: ServiceRestart = { restartedFor: undefined, complete: true, pinnedTo: [], fixedSecrets: [], etag: '7' };

const around = (service: ServiceRestart) =>
  contextOf({
    system: SYSTEM,
    world: {
      serviceRestarts: { inspect: () => Promise.resolve(service) },
      secrets: { latest: () => Promise.resolve({ version: '4', enabled: true }) },
      applications: { deepHealth: () => Promise.resolve({ kind: 'serving', detail: 'it serves' }) },
    },
  });

const observed = (service: ServiceRestart) => restartApplication.observe(WANTED, around(service));

describe('a Cloud Run service that is to read a secret anew', () => {
  it('is restarted where its users follow its newest revision', async () => {
    expect(await observed(WELL)).toEqual({ kind: 'toDo', version: '7' });
  });

  it('is not where they are led to a revision by name: the new one would get none of them', async () => {
    expect(await observed({ ...WELL, pinnedTo: ['api-00005-old'] })).toMatchObject({
      kind: 'refused',
      failure: { code: 'notNow', detail: expect.stringContaining('led to api-00005-old by name') },
    });
  });

  it('is not where it reads that secret by number, and is where it so reads another', async () => {
    expect(await observed({ ...WELL, fixedSecrets: [{ secret: 'jwt-key', version: '3' }] })).toMatchObject({
      kind: 'refused',
      failure: { detail: expect.stringContaining('version 3 of jwt-key by number') },
    });
    expect(await observed({ ...WELL, fixedSecrets: [{ secret: 'tls-key', version: '2' }] })).toMatchObject({
      kind: 'toDo',
    });
  });

  it('has not been restarted for anybody while its users are led elsewhere', async () => {
    const restarted = { ...WELL, restartedFor: WANTED.stamp };
    const ended = (service: ServiceRestart) => restartApplication.poll(null, WANTED, around(service));
    expect(await ended(restarted)).toMatchObject({ kind: 'done' });
    expect(await ended({ ...restarted, pinnedTo: ['api-00005-old'] })).toMatchObject({
      kind: 'running',
      detail: expect.stringContaining('led to api-00005-old by name'),
    });
  });
});
