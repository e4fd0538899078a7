import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { RECOVER_CATALOGUE } from '../../shared/actions/catalogue.ts';
import { minutes } from '../../shared/core/time.ts';
import { absorb } from '../../shared/flows/absorb.ts';
import { showApproval } from '../../shared/flows/approve.ts';
import type { WorldHome } from '../../shared/flows/flow-home.ts';
import { receiveAlert } from '../../shared/flows/intake.ts';
import { lookOnce } from '../../shared/flows/look.ts';
import { journalOf } from '../../shared/flows/flow-home.ts';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { otherRunOn } from '../../shared/flows/other-run.ts';
import { runIncident } from '../../shared/flows/run-incident.ts';
import { incidentTimeline } from '../../shared/flows/status.ts';
import { tick } from '../../shared/flows/tick.ts';
import { isNotUnderstood } from '../../shared/log/unreadable.ts';
import type { Store } from '../../shared/ports/store.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { openSqliteStore } from '../../shared/store/sqlite-store.ts';
import { incidentId } from '../../shared/system/names.ts';
import { type AskedStage, askedStage } from '../approvals/asked.ts';
import { opened } from '../approvals/links.ts';
import { planted } from './planted.ts';
import { appendOfTomorrow, OF_TOMORROW } from './tomorrow.ts';

// A version that was rolled back meets logs of the one that came after it. It leaves those to people and to whoever can read them, and
// goes on with everything else.

const folder = mkdtempSync(join(tmpdir(), 'dr-tomorrow-'));
let stores = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STORES: readonly (readonly [string, (clock: AskedStage['clock']) => Store])[] = [
  ['in memory', createMemoryStore],
  ['in SQLite', (clock) => openSqliteStore({ path: join(folder, `${(stores += 1)}.sqlite`), clock })],
];

/** A failover that waits for people, to whose log another version has added something. */
async function fromTomorrow(
  openStore: Parameters<typeof askedStage>[0] = createMemoryStore,
  what?: Parameters<typeof appendOfTomorrow>[2],
): Promise<AskedStage> {
  const stage = await askedStage(openStore);
  await appendOfTomorrow(stage.home, stage.id, what);
  return stage;
}

const alertAgain = {
  version: '1.2',
  incident: {
    incident_id: '0.again',
    state: 'open',
    summary: 'Server up is 0 again',
    resource: {
      type: 'cloudsql_database',
      labels: { project_id: 'coditect-prod', database_id: 'coditect-prod:coditect-dms-db' },
    },
  },
};

/** A home whose databases nobody watches: a tick of it takes up what is due. */
const ticking = ({ home, world }: AskedStage): WorldHome => ({
  ...home,
  world,
  system: { ...home.system, databases: [], regions: [] },
});

describe.each(STORES)('a log of another version, %s', (_where, openStore) => {
  it.each(OF_TOMORROW)('is acted on by nobody, and stays as it is: $what', async (what) => {
    const stage = await fromTomorrow(openStore, what);
    const before = await stage.home.store.log.head(stage.id);
    const said: string[] = [];
    const home = { ...stage.home, world: stage.world, note: (text: string) => void said.push(text) };

    const outcome = await runIncident(stage.id, { ...home, role: 'recover', catalogue: RECOVER_CATALOGUE });
    await notifyIncident(stage.id, home);

    expect(outcome.kind).toBe('later');
    expect(said).toEqual(Array(2).fill('another version wrote this log: it is left to whoever can read it'));
    expect(await stage.home.store.log.head(stage.id)).toEqual(before);
    expect(stage.delivered).toEqual([]);
  });

  it('goes to people with the next tick, once, and the tick does all else', async () => {
    const stage = await fromTomorrow(openStore);
    await planted(stage.home, 'other');
    stage.clock.advance(minutes(5));
    await tick(ticking(stage));
    stage.clock.advance(minutes(5));
    await tick(ticking(stage));

    const heads = await stage.home.store.log.heads('all', 10);
    const told = heads.filter(({ summary }) => JSON.stringify(summary['headline']).startsWith(`"${stage.id} is open`));
    expect(heads).toHaveLength(3);
    expect(told.map(({ summary }) => summary['phase'])).toEqual(['needsPerson']);
    const other = await journalOf(incidentId('inc-other'), stage.home);
    expect(other?.state().rounds).toBeGreaterThan(0);
  });

  it('keeps no alert from people: it begins an incident of its own, whose run waits', async () => {
    const stage = await fromTomorrow(openStore);
    await receiveAlert(alertAgain, 'm2', stage.home);
    const [own] = await absorb(stage.home);
    const log = own === undefined ? undefined : await journalOf(own, stage.home);
    if (log === undefined) throw new Error('no incident');
    for (let look = 0; look < 6 && log.state().run === undefined; look += 1) {
      stage.clock.advance(minutes(1 / 3));
      await lookOnce(log, { ...stage.home, world: stage.world });
    }

    const { run } = log.state();
    expect(run?.plan.runbook).toBe('database-failover');
    expect(run && (await otherRunOn(log.id, run, stage.home))).toBe(stage.id);
  });
});

describe('a log of another version', () => {
  it('is shown as far as it is understood, and named for what it is', async () => {
    const stage = await fromTomorrow();

    const shown = await incidentTimeline(stage.id, stage.home.store);

    expect(shown?.phase).toBe('not understood');
    expect(shown?.lines.at(-1)?.text).toMatch(/^event \d+ \(weatherChanged\) was written by another version/);
    expect(shown?.lines.length).toBeGreaterThan(3);
  });

  it('takes no decision: the page says that it can’t be answered now', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    await appendOfTomorrow(stage.home, stage.id);

    const answer = await showApproval(form.opaque, stage.home).catch((error: unknown) => error);
    expect(isNotUnderstood(answer)).toBe(true);
  });
});
