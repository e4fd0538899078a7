import { describe, expect, it } from '@jest/globals';
import { checkStandby, confirmClusterDown, forgetStandby, rememberStandby } from '../../shared/actions/stand-in.ts';
import type { ActionContext } from '../../shared/engine/action.ts';
import type { DeepHealth } from '../../shared/ports/applications.ts';
import { standbyKey } from '../../shared/ports/standby-record.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { incidentId } from '../../shared/system/names.ts';
import { countingChance, JumpingClock } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

const RECORD = { home: 'api-gke', standby: 'api-run', before: { min: 1, max: 4 }, wanted: { min: 3, max: 4 } };
const DOWN = { application: 'api-gke', standby: 'api-run', entrances: ['dms-api'] };

const health = (kind: DeepHealth['kind'], writable = kind === 'serving'): DeepHealth => ({
  kind,
  detail: kind,
  instance: undefined,
  database: kind === 'silent' ? undefined : { address: 'a', epoch: undefined, inRecovery: false, writable },
});

class Pair {
  readonly clock = new JumpingClock();
  readonly documents = createMemoryStore(this.clock).documents;
  home = health('silent');
  standby = health('serving');
  min = 3;
  settled = true;
  row = true;
  leadsTo: string | undefined = 'api-gke';

  get context(): ActionContext {
    return contextOf({
      clock: this.clock,
      chance: countingChance(),
      documents: this.documents,
      state: { id: incidentId('inc-aaaaaaaaaa') },
      world: {
        services: {
          inspect: async () => ({
            scaling: { kind: 'automatic', min: this.min, max: 4 },
            ready: this.settled,
            settled: this.settled,
          }),
        },
        applications: {
          deepHealth: async (id: string) => (id === 'api-gke' ? this.home : this.standby),
          writeAndRead: async () => ({ written: this.row, read: this.row, detail: 'row' }),
        },
        traffic: { inspect: async () => ({ leadsTo: this.leadsTo, detail: 'leads', version: 'v' }) },
      },
    });
  }
}

describe('what a standby was', () => {
  it('is written down once, and forgotten when everything was taken back', async () => {
    const pair = new Pair();
    const seen = await rememberStandby.observe(RECORD, pair.context);
    expect(seen).toEqual({ kind: 'toDo', version: 0 });
    await rememberStandby.start(RECORD, 0, pair.context);

    expect((await pair.documents.get(standbyKey('api-gke')))?.value).toMatchObject(RECORD);
    expect(await rememberStandby.observe(RECORD, pair.context)).toMatchObject({ kind: 'already' });

    const known = await forgetStandby.observe({ home: 'api-gke' }, pair.context);
    await forgetStandby.start({ home: 'api-gke' }, known.kind === 'toDo' ? known.version : -1, pair.context);
    expect(await forgetStandby.observe({ home: 'api-gke' }, pair.context)).toMatchObject({ kind: 'already' });
    expect(await rememberStandby.observe(RECORD, pair.context)).toMatchObject({ kind: 'toDo' });
  });

  it('is not written over what somebody else wrote meanwhile', async () => {
    const pair = new Pair();
    await rememberStandby.start(RECORD, 0, pair.context);
    await expect(rememberStandby.start(RECORD, 0, pair.context)).rejects.toMatchObject({ kind: 'conflict' });
  });
});

describe('a standby', () => {
  it('is ready when Cloud Run says so and a row goes through it and back', async () => {
    const start = checkStandby.start({ standby: 'api-run', min: 3 }, null, new Pair().context);
    expect(await start).toMatchObject({ kind: 'done' });
  });

  it.each<[string, (pair: Pair) => void]>([
    ['it is still changing', (pair) => (pair.settled = false)],
    ['it has too few instances', (pair) => (pair.min = 1)],
    ['it does not answer', (pair) => (pair.standby = health('silent'))],
    ['no row goes through it', (pair) => (pair.row = false)],
  ])('is waited for while %s', async (_, arrange) => {
    const pair = new Pair();
    arrange(pair);
    expect(await checkStandby.start({ standby: 'api-run', min: 3 }, null, pair.context)).toMatchObject({
      kind: 'running',
    });
  });

  it('whose database fails ends it: that is the incident of the database', async () => {
    const pair = new Pair();
    pair.standby = health('failing');
    expect(await checkStandby.start({ standby: 'api-run', min: 3 }, null, pair.context)).toMatchObject({
      kind: 'failed',
      failure: { code: 'standbyDatabaseFails' },
    });
  });
});

describe('the last look before users are moved', () => {
  it('passes while the cluster is silent and the standby serves', async () => {
    expect(await confirmClusterDown.observe(DOWN, new Pair().context)).toMatchObject({ kind: 'already' });
  });

  it.each<[string, string, (pair: Pair) => void]>([
    ['the cluster serves again', 'answersAgain', (pair) => (pair.home = health('serving'))],
    ['the standby does not serve', 'standbyFails', (pair) => (pair.standby = health('silent'))],
    ['somebody has moved them', 'movedByOthers', (pair) => (pair.leadsTo = undefined)],
  ])('makes the plan void when %s', async (_, code, arrange) => {
    const pair = new Pair();
    arrange(pair);
    expect(await confirmClusterDown.observe(DOWN, pair.context)).toMatchObject({
      kind: 'refused',
      failure: { kind: 'voided', code },
    });
  });
});
