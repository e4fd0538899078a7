import { setTimeout as wait } from 'node:timers/promises';
import { instant, showDuration, toIso } from '../shared/core/time.ts';
import { restLine, timeline } from '../shared/status/timeline.ts';
import { between } from '../shared/core/time.ts';
import type { IncidentState } from '../shared/incident/state.ts';
import type { Head } from '../shared/ports/store.ts';
import type { Ending } from './config.ts';
import { paint, table } from './paint.ts';
import {
  openForReading,
  type ReadIncident,
  readIncident,
  readIncidents,
  readRecords,
  sinceText,
} from './read-incidents.ts';

/** `./dr incidents`: what there is, newest first. */
export async function incidentsCommand(storePath: string, { json }: { readonly json: boolean }): Promise<Ending> {
  const store = openForReading(storePath);
  try {
    const incidents = await readIncidents(store);
    const known = new Set(incidents.map(({ head }) => head.incident));
    const foreign = (await store.log.heads('all', LISTED_MAX)).filter(({ incident }) => !known.has(incident));
    const listed = [...incidents.map(rowOf), ...foreign.map(rowOfForeign)];
    const refused = await store.documents.list('refused/', 100);
    if (json) return ending(JSON.stringify({ incidents: listed, refused }));
    const rows = listed.map((row) => Object.values(row).map(String));
    const head = ['INCIDENT', 'PHASE', 'SCENARIO', 'TARGET', 'OPENED', 'SIGNALS', 'HEADLINE'];
    const list =
      rows.length === 0
        ? 'No incidents.'
        : table([head, ...rows.map((row) => [...row.slice(0, 6), (row[6] ?? '').slice(0, 80)])]);
    const bad =
      refused.length === 0
        ? ''
        : `\n\n${refused.length} message(s) could not be read:\n${refused.map(({ key, value }) => `  ${key}: ${JSON.stringify(value)}`).join('\n')}`;
    return ending(`${list}${bad}`);
  } finally {
    await store.close();
  }
}

/** Incidents whose heads are looked through for what no version but another can read. */
const LISTED_MAX = 200;

interface Row {
  readonly incident: string;
  readonly phase: string;
  readonly scenario: string;
  readonly target: string;
  readonly opened: string;
  readonly signals: number;
  readonly headline: string;
}

const NOT_UNDERSTOOD = 'not understood';

/** Where it stands, where that can be told. */
const phaseOf = ({ state, stoppedAt }: ReadIncident): string =>
  stoppedAt === undefined ? state.phase.kind : NOT_UNDERSTOOD;

const rowOf = (incident: ReadIncident): Row => rowOfState(incident.state, phaseOf(incident));

const rowOfState = (state: IncidentState, phase: string): Row => ({
  incident: state.id,
  phase,
  scenario: state.diagnosis?.scenario ?? 'not named yet',
  target: state.target,
  opened: toIso(state.openedAt),
  signals: state.signals,
  headline: state.headline,
});

/** One of which nothing is understood: another version of dr-autopilot wrote it. What its head says is for listing, and may be shown. */
const rowOfForeign = ({ incident, summary }: Head): Row => ({
  incident,
  phase: NOT_UNDERSTOOD,
  scenario: 'written by another version',
  target: typeof summary['target'] === 'string' ? summary['target'] : '',
  opened: typeof summary['openedAtMs'] === 'number' ? toIso(instant(summary['openedAtMs'])) : '',
  signals: 0,
  headline: typeof summary['headline'] === 'string' ? summary['headline'] : '',
});

/** `./dr show INCIDENT`: its timeline, or its records as NDJSON, which `./dr verify` takes. */
export async function showCommand(
  storePath: string,
  id: string,
  { json, follow }: { readonly json: boolean; readonly follow: boolean },
): Promise<Ending> {
  const store = openForReading(storePath);
  try {
    if (json) return ending((await readRecords(id, store)).records.map((record) => JSON.stringify(record)).join('\n'));
    const incident = await readIncident(id, store);
    process.stdout.write(`${header(incident)}\n${linesOf(incident, 0)}`);
    let seen = incident.state.sequence;
    while (follow) {
      const now = await readIncident(id, store);
      if (now.state.sequence > seen) process.stdout.write(linesOf(now, seen));
      seen = now.state.sequence;
      if (now.state.phase.kind === 'resolved' || now.state.phase.kind === 'dismissed') break;
      await wait(300);
    }
    return { exitCode: 0, stdout: '', stderr: '' };
  } finally {
    await store.close();
  }
}

function header(incident: ReadIncident): string {
  const { state } = incident;
  const measures =
    state.measures === undefined
      ? ''
      : `\nmeasured: ${Object.entries(state.measures)
          .flatMap(([name, ms]) => (ms === null ? [] : [`${name} ${showDuration(between(instant(0), instant(ms)))}`]))
          .join(', ')}`;
  return `${state.id}  ${phaseOf(incident)}  ${state.diagnosis?.scenario ?? 'not named yet'}  ${state.target}\n${state.headline}${measures}\n`;
}

function linesOf(incident: ReadIncident, after: number): string {
  const { state, stoppedAt } = incident;
  const rest = stoppedAt === undefined ? [] : [restLine(stoppedAt)];
  return [...timeline(incident.events, state), ...rest]
    .filter((line) => line.sequence > after)
    .map((line) => `${sinceText(state.openedAt, line.at)}  ${paint(line.tone, line.text)}\n`)
    .join('');
}

const ending = (stdout: string): Ending => ({ exitCode: 0, stdout: `${stdout}\n`, stderr: '' });
