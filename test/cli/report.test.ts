import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { reportCommand } from '../../cli/report.ts';
import { instant, millis, parseDuration } from '../../shared/core/time.ts';
import { openSqliteStore } from '../../shared/store/sqlite-store.ts';
import type { AdoptionReport } from '../../shared/status/report.ts';
import { calm } from '../simulation/calm.ts';
import { simulate } from '../simulation/simulate.ts';

let folder: string;
let store: string;
let sinceThen = millis(0);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dr-report-'));
  store = join(folder, 'store.sqlite');
  const { incidents } = await simulate(1, calm([]));
  const written = openSqliteStore({ path: store, clock: { now: () => instant(0) } });
  for (const { state, records, head } of incidents) await written.log.append(state.id, 0, records, head, []);
  written.close();
  // The simulated disaster lies where the simulation's clock begins.
  sinceThen = millis(Date.now() - (incidents[0]?.state.openedAt ?? 0) + (parseDuration('1h') ?? 0));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const report = (more: object = {}) =>
  reportCommand(undefined, { since: sinceThen, config: 'dr.yaml', store, json: false, ...more });

let copies = 0;

/** Another store with the same logs, and something changed in it. */
function copyWith(change: string): string {
  copies += 1;
  const path = join(folder, `copy-${copies}.sqlite`);
  const whole = new DatabaseSync(store);
  whole.exec(`VACUUM INTO '${path}'`);
  whole.close();
  const copy = new DatabaseSync(path);
  copy.exec(change);
  copy.close();
  return path;
}

describe('./dr report', () => {
  it('tells people, scenario by scenario, what was done and how long it took', async () => {
    const { exitCode, stdout } = await report();
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /1 incident, of which 0 were false alarms; 0 drills\.\nObjectives: RTO 1h 00m, RPO 1h 00m\./,
    );
    expect(stdout).toMatch(
      /database-primary-failure: 1 incident \(inc-\w{10}\)\n {2}stand +resolved\n {2}plans +database-failover\n/,
    );
    expect(stdout).toMatch(/ {2}approvals +1 asked: 1 approved; people took \w+/);
    expect(stdout).toMatch(/ {2}recover +\d+m .*\n {2}objectives +met\n/);
  });

  it('is one JSON object for programs', async () => {
    const { stdout } = await report({ json: true });
    expect((JSON.parse(stdout) as AdoptionReport).scenarios[0]?.approvals.approved).toBe(1);
  });

  it('says that nothing happened since a moment ago', async () => {
    expect((await report({ since: millis(1_000) })).stdout).toContain('0 incidents');
  });

  it('names a log that can’t be read, and reports the others', async () => {
    const { exitCode, stdout } = await report({ store: copyWith("UPDATE events SET data = '{}' WHERE sequence = 1") });
    expect([exitCode, stdout]).toEqual([4, expect.stringMatching(/NOT READ: .*inc-\w{10}.*another version/)]);
  });

  it('counts a log of which only the beginning is understood up to there, and says so', async () => {
    const { exitCode, stdout } = await report({ store: copyWith("UPDATE events SET data = '{}' WHERE sequence = 4") });
    expect([exitCode, stdout]).toEqual([
      4,
      expect.stringMatching(/NOT READ: the log of inc-\w{10} is another version’s from event 4 on/),
    ]);
    expect(stdout).toContain(': 1 incident');
  });

  it('ends with 4 where there is no store', async () => {
    await expect(report({ store: join(folder, 'nowhere.sqlite') })).rejects.toMatchObject({ exitCode: 4 });
  });
});
