import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Json } from '../../shared/core/json.ts';
import { understoodEvent } from '../../shared/log/unreadable.ts';
import { replay } from '../../shared/incident/evolve.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import { parseRecord, verifyChain } from '../../shared/log/verify.ts';
import type { EventRecord } from '../../shared/ports/store.ts';
import { timeline } from '../../shared/status/timeline.ts';

// Logs that versions have written, kept for ever: `test/fixtures/logs/VERSION/NAME.ndjson.gz`, with what that version made of each
// beside it (`NAME.json`). `npm run keep-logs` adds those of the present version.

/** Where they lie. */
export const KEPT = join(import.meta.dirname, '..', 'fixtures', 'logs');

/** A log that was kept. */
export interface KeptLog {
  readonly version: string;
  readonly name: string;
  readonly records: readonly EventRecord[];
  /** What the version that wrote it made of it. */
  readonly summary: Json;
}

/** Every log that was kept, of all versions. */
export function keptLogs(): readonly KeptLog[] {
  return readdirSync(KEPT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: version }) =>
      readdirSync(join(KEPT, version))
        .filter((file) => file.endsWith('.ndjson.gz'))
        .map((file) => {
          const name = file.replace('.ndjson.gz', '');
          const lines = gunzipSync(readFileSync(join(KEPT, version, file)))
            .toString('utf8')
            .trim()
            .split('\n');
          return {
            version,
            name,
            records: lines.map((line) => parseRecord(JSON.parse(line))),
            summary: JSON.parse(readFileSync(join(KEPT, version, `${name}.json`), 'utf8')) as Json,
          };
        }),
    );
}

/** A log as it is kept. The same log makes the same bytes. */
export const packed = (records: readonly EventRecord[]): Buffer =>
  gzipSync(records.map((record) => `${JSON.stringify(record)}\n`).join(''), { level: 9 });

/**
 * What a log comes to, in terms that outlive the shape of a state: the chain's end, where the incident stands, what was done, who
 * decided, who was told, what was measured, and what people read of it.
 */
export function summaryOf(records: readonly EventRecord[]): Json {
  const [first] = records;
  const events = records.map(understoodEvent);
  const state = first === undefined ? undefined : replay(first.incident, events);
  if (state === undefined) throw new Error('a log that is kept has events');
  const lines = timeline(events, state).map(({ text }) => text);
  return {
    verification: { ...verifyChain(records) },
    hash: records.at(-1)?.hash ?? '',
    incident: state.id,
    headline: state.headline,
    target: state.target,
    phase: state.phase.kind,
    scenario: state.diagnosis?.scenario ?? null,
    signals: state.signals,
    looks: state.rounds,
    run: runOf(state),
    formerRuns: state.formerRuns.length,
    approvals: state.approvals.map(({ id, quorum, decisions, voided }) => ({
      id,
      quorum,
      decisions: decisions.map(({ approver, decision }) => `${approver} ${decision}`),
      voided: voided ?? null,
    })),
    notices: [...state.notices.values()].map(
      ({ notice, delivered }) => `${notice.kind} to ${[...delivered].toSorted().join(', ')}: ${notice.subject}`,
    ),
    evidence: state.evidence.length,
    foreignWork: state.foreignWork.map(({ who, what }) => `${who}: ${what}`),
    measures: state.measures === undefined ? null : { ...state.measures },
    timeline: { lines: lines.length, last: lines.at(-1) ?? '' },
  };
}

function runOf({ run }: IncidentState): Json {
  if (run === undefined) return null;
  return {
    runbook: run.plan.runbook,
    digest: run.digest,
    steps: Object.fromEntries([...run.steps].map(([step, { kind }]) => [step, kind])),
    landing: run.landing?.kind ?? null,
  };
}
