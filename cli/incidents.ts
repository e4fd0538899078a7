import { setTimeout as wait } from 'node:timers/promises';
import { instant, showDuration, toIso } from '../shared/core/time.ts';
import { timeline } from '../shared/status/timeline.ts';
import { between } from '../shared/core/time.ts';
import type { Ending } from './config.ts';
import { paint, table } from './paint.ts';
import { openForReading, type ReadIncident, readIncident, readIncidents, sinceText } from './read-incidents.ts';

/** `./dr incidents`: what there is, newest first. */
export async function incidentsCommand(storePath: string, { json }: { readonly json: boolean }): Promise<Ending> {
  const store = openForReading(storePath);
  try {
    const incidents = await readIncidents(store);
    const refused = await store.documents.list('refused/', 100);
    if (json) return ending(JSON.stringify({ incidents: incidents.map(rowOf), refused }));
    const rows = incidents.map((incident) => Object.values(rowOf(incident)).map(String));
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

const rowOf = ({ state }: ReadIncident) => ({
  incident: state.id,
  phase: state.phase.kind,
  scenario: state.diagnosis?.scenario ?? 'not named yet',
  target: state.target,
  opened: toIso(state.openedAt),
  signals: state.signals,
  headline: state.headline,
});

/** `./dr show INCIDENT`: its timeline, or its records as NDJSON, which `./dr verify` takes. */
export async function showCommand(
  storePath: string,
  id: string,
  { json, follow }: { readonly json: boolean; readonly follow: boolean },
): Promise<Ending> {
  const store = openForReading(storePath);
  try {
    const incident = await readIncident(id, store);
    if (json) return ending(incident.records.map((record) => JSON.stringify(record)).join('\n'));
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

function header({ state }: ReadIncident): string {
  const measures =
    state.measures === undefined
      ? ''
      : `\nmeasured: ${Object.entries(state.measures)
          .flatMap(([name, ms]) => (ms === null ? [] : [`${name} ${showDuration(between(instant(0), instant(ms)))}`]))
          .join(', ')}`;
  return `${state.id}  ${state.phase.kind}  ${state.diagnosis?.scenario ?? 'not named yet'}  ${state.target}\n${state.headline}${measures}\n`;
}

function linesOf(incident: ReadIncident, after: number): string {
  const { state } = incident;
  return timeline(incident.events, state)
    .filter((line) => line.sequence > after)
    .map((line) => `${sinceText(state.openedAt, line.at)}  ${paint(line.tone, line.text)}\n`)
    .join('');
}

const ending = (stdout: string): Ending => ({ exitCode: 0, stdout: `${stdout}\n`, stderr: '' });
