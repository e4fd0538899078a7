import { beforeAll, describe, expect, it } from '@jest/globals';
import { after, instant, minutes, seconds } from '../../shared/core/time.ts';
import { type AdoptionReport, type ReportedLog, reportOn, type ScenarioReport } from '../../shared/status/report.ts';
import { calm, later } from '../simulation/calm.ts';
import { simulate } from '../simulation/simulate.ts';
import { START } from '../simulation/stage.ts';

const OBJECTIVES = { rto: minutes(60), rpo: minutes(60), maximumDowntime: minutes(240) };

type Plot = ReturnType<typeof calm>;

/** The logs that the real flows wrote while a disaster was played. */
const logsOf = async (plot: Plot): Promise<readonly ReportedLog[]> => (await simulate(1, plot)).incidents;

const reported = (logs: readonly ReportedLog[], more: Partial<AdoptionReport> = {}): AdoptionReport =>
  reportOn(logs, { from: START, to: after(START, minutes(120)), objectives: OBJECTIVES, unread: [], ...more });

function only({ scenarios }: AdoptionReport): ScenarioReport {
  expect(scenarios).toHaveLength(1);
  const [one] = scenarios;
  if (one === undefined) throw new Error('there is a scenario');
  return one;
}

let recovered: readonly ReportedLog[];
let observed: readonly ReportedLog[];
let denied: readonly ReportedLog[];
beforeAll(async () => {
  recovered = await logsOf(calm([]));
  observed = await logsOf(
    calm([later(-60_000, { kind: 'operate', operation: { by: 'wish', verb: 'mode', mode: 'observe' } })]),
  );
  denied = await logsOf(calm([], { habits: { 'oncall-pager': 'denies' } }));
});

describe('a report of some days', () => {
  it('says of a recovery what was done, how long it took, and whether that met the objectives', () => {
    const one = only(reported(recovered));
    expect(one).toMatchObject({
      scenario: 'database-primary-failure',
      ends: [{ what: 'resolved', times: 1 }],
      plans: [{ what: 'database-failover', times: 1 }],
      wouldDo: [],
      approvals: { asked: 1, approved: 1, denied: 0, expired: 0 },
      wouldRecover: undefined,
      overRto: 0,
      falseAlarms: 0,
    });
    expect(one.done.map(({ what }) => what)).toEqual(expect.arrayContaining([expect.stringMatching(/^promote /i)]));
    const rto = recovered[0]?.state.measures?.['rto'];
    expect(one.recover).toEqual({ count: 1, least: rto, median: rto, most: rto });
    expect(one.people?.count).toBe(1);
    expect(one.detect?.most).toBeLessThan(one.recover?.least ?? 0);
  });

  it('counts a recovery that took longer than the objective, or lost more', () => {
    const strict = { ...OBJECTIVES, rto: seconds(1) };
    expect(only(reported(recovered, { objectives: strict })).overRto).toBe(1);
  });

  it('says of mode observe what would have been done, how long it would have taken, and that nothing was', () => {
    const one = only(reported(observed));
    expect(one.plans).toEqual([{ what: 'database-failover (said only)', times: expect.any(Number) }]);
    expect(one.wouldDo.map(({ what }) => what)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^promote .*\(destructive\)$/i)]),
    );
    expect(one).toMatchObject({ done: [], recover: undefined, approvals: { asked: 0 } });
    expect(one.wouldRecover?.count).toBe(1);
  });

  it('says who said no', () => {
    expect(only(reported(denied)).approvals).toMatchObject({ denied: 1, approved: 0 });
    expect(only(reported(denied)).people).toBeUndefined();
  });

  it('puts incidents of one scenario together, and the times of all of them', () => {
    const one = only(reported([...recovered, ...denied]));
    expect(one.incidents).toHaveLength(2);
    expect(one.detect?.count).toBe(2);
    expect(one.plans[0]?.times).toBe(2);
  });

  it('leaves out what was before, and drills', () => {
    expect(reported(recovered, { from: after(START, minutes(119)) }).scenarios).toEqual([]);
    const drill = recovered.map(({ state, events }) => ({ events, state: { ...state, drill: true } }));
    expect(reported(drill)).toMatchObject({ scenarios: [], drills: 1 });
  });

  it('counts as a false alarm what nobody had to do anything about, and nothing else', () => {
    const [log] = recovered;
    if (log === undefined) throw new Error('there is a log');
    const nothing = log.state.diagnosis && {
      ...log.state.diagnosis,
      conclusion: 'nothing' as const,
      scenario: 'not-failed' as const,
    };
    const state = { ...log.state, diagnosis: nothing, phase: { kind: 'dismissed' as const, because: 'it serves' } };
    const events = log.events.slice(0, 2);
    expect(only(reported([{ state, events }])).falseAlarms).toBe(1);
    expect(only(reported([{ state, events: log.events }])).falseAlarms).toBe(0);
  });

  it('is empty where nothing happened', () => {
    expect(reported([])).toMatchObject({ scenarios: [], drills: 0, from: instant(START) });
  });
});
