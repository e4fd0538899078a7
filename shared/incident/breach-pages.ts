import { digestOf } from '../core/digest.ts';
import type { IncidentId } from '../system/names.ts';
import type { NewEvent, SignalRecord } from './events.ts';
import type { IncidentState } from './state.ts';
import { tell } from './telling.ts';

// What is told of a breach in the same breath in which it is heard of, before anybody looks, let alone plans (runbook 7.1, corrected).
//
// B1. A report and an alert both page at once. Neither changes anything: who reports is a claim, and an alert is one call that somebody made.
// B2. An alert that nobody goes on with costs this one page. Each further deed is told once, and a storm of them ten times.

/** Under the id that the first look would use, so that naming it pages nobody a second time. */
const ALERTED = 'person/diagnosed/security-breach';

const FURTHER = 'breach-alert/';

/** Further deeds that are told one by one; whoever has got so many looks for the rest in the audit log. */
const FURTHER_MAX = 10;

/** The page of a breach that a person reports. */
export function reported(summary: string): readonly NewEvent[] {
  const text = [
    summary,
    'Security lead: you are paged first. Nothing has been changed yet. A plan follows, which the approvers decide on.',
    'Who reported it is a claim: a message proves nobody. Keep what you find, and tell whoever the law wants told.',
  ].join('\n');
  return [tell('breach', 'opened', 'SECURITY BREACH reported', text, { urgent: true })];
}

/** What people may do about an alert, in words that they can type. */
export const choices = (incident: IncidentId | string): readonly string[] => [
  './dr trigger breach-response --reason "…" (it is a breach: joins this incident, and asks the approvers)',
  `./dr cancel ${incident} (it is meant; whom dr.yaml names for it is no alert the next time)`,
];

/** The page of an incident that alerts open. */
export function alerted(records: readonly SignalRecord[], incident: IncidentId): readonly NewEvent[] {
  const deeds = [...new Set(records.map(({ summary }) => summary))];
  if (deeds.length === 0) return [];
  const text = [
    ...deeds.slice(0, 1 + FURTHER_MAX),
    'An audit log tells of it, and dr.yaml does not name them for that. Only people know whether it is a breach.',
    'Security lead: you are paged first. Nothing has been changed, and nothing will be unless people ask for it:',
    ...choices(incident),
  ].join('\n');
  return [tell(ALERTED, 'needsPerson', 'SECURITY: is this a breach?', text, { urgent: true })];
}

/** The page of a further deed in an incident that is open. */
export function alertedAgain(record: SignalRecord, { headline, notices }: IncidentState): readonly NewEvent[] {
  const { summary, subject } = record;
  const told = [...notices.keys()].filter((id) => id.startsWith(FURTHER)).length;
  if (summary === headline || told >= FURTHER_MAX) return [];
  const id = `${FURTHER}${digestOf({ summary, subject }).slice(0, 12)}`;
  const text = `${summary}\nAn audit log tells of it, and dr.yaml does not name them for that.`;
  return notices.has(id) ? [] : [tell(id, 'progress', 'SECURITY: something further', text, { urgent: true })];
}

/** Whether an audit log told of it, too. */
export const wasAlerted = ({ notices }: IncidentState): boolean =>
  [...notices.keys()].some((id) => id === ALERTED || id.startsWith(FURTHER));
