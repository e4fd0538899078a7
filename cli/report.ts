import { type Instant, instant, type Millis, showDuration, toIso } from '../shared/core/time.ts';
import { isPortError } from '../shared/ports/port-error.ts';
import {
  type AdoptionReport,
  type Counted,
  type ReportedLog,
  reportOn,
  type ScenarioReport,
  type Spread,
} from '../shared/status/report.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import type { Ending } from './config.ts';
import { accessOf } from './operator.ts';
import { type OpenedStore, openForReading, readIncident } from './read-incidents.ts';
import { type Facts, Refusal } from './sandbox-facts.ts';
import { atMost } from './side-by-side.ts';

// `./dr report`: what was done, or would have been, since some days. Reads the store and nothing else.

/** Incidents that are looked through; the report says when there were more. */
const INCIDENTS_MAX = 2_000;

/** Logs that are read side by side. */
const AT_ONCE = 8;

/** What is asked for. */
export interface ReportOptions {
  readonly since: Millis;
  readonly config: string;
  /** Where the logs are. */
  readonly store: string;
  readonly json: boolean;
}

/** 0 when every log could be read, 4 when one could not: the report says which. */
export async function reportCommand(facts: Facts | undefined, options: ReportOptions): Promise<Ending> {
  const system = loadSystem(facts?.config ?? options.config);
  const to = accessOf(facts, system).clock.now();
  const from = instant(to - options.since);
  const store = openForReading(options.store);
  try {
    const { logs, unread } = await readLogs(store, from);
    const report = reportOn(logs, { from, to, objectives: system.objectives, unread });
    const stdout = options.json ? `${JSON.stringify(report)}\n` : show(report);
    return { exitCode: unread.length === 0 ? 0 : 4, stdout, stderr: '' };
  } finally {
    await store.close();
  }
}

async function readLogs(
  store: OpenedStore,
  from: Instant,
): Promise<{ readonly logs: readonly ReportedLog[]; readonly unread: readonly string[] }> {
  const heads = await store.log.heads('all', INCIDENTS_MAX);
  const turn = atMost(AT_ONCE);
  const read = await Promise.all(
    heads.map(({ incident }) =>
      turn(async () => {
        try {
          return await readIncident(incident, store);
        } catch (error) {
          if (error instanceof Refusal) return error.message;
          if (!isPortError(error)) throw error;
          return `the log of ${incident} can’t be read (${error.code})`;
        }
      }),
    ),
  );
  const logs = read.flatMap((one) => (typeof one === 'string' ? [] : [one]));
  const unread = read.flatMap((one) => {
    if (typeof one === 'string') return [one];
    if (one.stoppedAt === undefined || one.state.openedAt < from) return [];
    return [
      `the log of ${one.state.id} is another version’s from event ${one.stoppedAt.sequence} on, and counted up to there`,
    ];
  });
  const oldest = Math.min(...logs.map(({ state }) => state.openedAt));
  const isCut = heads.length === INCIDENTS_MAX && oldest > from;
  return {
    logs,
    unread: isCut ? [...unread, `there are more than ${INCIDENTS_MAX} incidents: ask for less time`] : unread,
  };
}

function show(report: AdoptionReport): string {
  const { from, to, objectives, scenarios, drills, unread } = report;
  const incidents = scenarios.reduce((sum, one) => sum + one.incidents.length, 0);
  const alarms = scenarios.reduce((sum, one) => sum + one.falseAlarms, 0);
  return [
    `From ${toIso(from)} to ${toIso(to)}: ${counted(incidents)}, of which ${alarms} were false alarms; ${drills} drills.`,
    `Objectives: RTO ${showDuration(objectives.rto)}, RPO ${showDuration(objectives.rpo)}.`,
    ...unread.map((why) => `NOT READ: ${why}`),
    ...scenarios.flatMap((one) => ['', ...scenarioLines(one)]),
    '',
  ].join('\n');
}

function scenarioLines(one: ScenarioReport): readonly string[] {
  const { approvals: asked } = one;
  const outcomes = (['approved', 'denied', 'expired', 'voided', 'open'] as const).filter((what) => asked[what] > 0);
  const answers = outcomes.map((what) => `${asked[what]} ${what}`).join(', ');
  const over = [
    ...(one.overRto === 0 ? [] : [`${one.overRto} above the RTO`]),
    ...(one.overRpo === 0 ? [] : [`${one.overRpo} above the RPO`]),
  ].join(', ');
  const lines: readonly (readonly [string, string])[] = [
    ['stand', list(one.ends)],
    ['plans', list(one.plans)],
    ['would have done', list(one.wouldDo)],
    ['did', list(one.done)],
    ['failed', list(one.failed)],
    ['held back by', list(one.refused)],
    [
      'approvals',
      asked.asked === 0
        ? ''
        : `${asked.asked} asked: ${answers}${one.people === undefined ? '' : `; people took ${spread(one.people)}`}`,
    ],
    ['detect', spread(one.detect)],
    ['decide', spread(one.decide)],
    ['recover', spread(one.recover)],
    ['would recover', one.wouldRecover === undefined ? '' : `${spread(one.wouldRecover)}, people’s time left out`],
    [
      'objectives',
      one.recover === undefined && one.wouldRecover === undefined ? '' : over === '' ? 'met' : `MISSED: ${over}`,
    ],
    ['not known', list(one.unknown)],
  ];
  const alarms = one.falseAlarms === 0 ? '' : `, ${one.falseAlarms} of them false alarms`;
  return [
    `${one.scenario}: ${counted(one.incidents.length)}${alarms} (${one.incidents.join(', ')})`,
    ...lines.flatMap(([name, text]) => (text === '' ? [] : [`  ${name.padEnd(16)}${text}`])),
  ];
}

const list = (items: readonly Counted[]): string =>
  items.map(({ what, times }) => (times === 1 ? what : `${times} × ${what}`)).join('; ');

function spread(found: Spread | undefined): string {
  if (found === undefined) return '';
  const { count, least, median, most } = found;
  return count === 1
    ? showDuration(median)
    : `${showDuration(median)} (${showDuration(least)} to ${showDuration(most)}, ${count} times)`;
}

const counted = (incidents: number): string => (incidents === 1 ? '1 incident' : `${incidents} incidents`);
