import { unreachable } from '../core/assert.ts';
import { millis, showDuration } from '../core/time.ts';
import type { IncidentEvent } from '../incident/events.ts';
import type { IncidentState } from '../incident/state.ts';
import { showLossBound } from '../plan/loss-bound.ts';
import { criticalPath } from '../plan/plan.ts';
import type { EventRecord } from '../ports/store.ts';

/** One line of an incident's timeline, in words for people. Tokens are never in it. */
export interface TimelineLine {
  readonly at: number;
  readonly sequence: number;
  /** `info` is detail, `step` the run, `person` what people did or must do, `good` and `bad` the turns. */
  readonly tone: 'info' | 'step' | 'person' | 'good' | 'bad';
  readonly text: string;
}

/** The timeline of a log. `state` gives steps their titles. */
export function timeline(events: readonly IncidentEvent[], state: IncidentState): readonly TimelineLine[] {
  return events.flatMap((event) => {
    const told = tell(event, state);
    return told === undefined ? [] : [{ at: event.at, sequence: event.sequence, ...told }];
  });
}

/** What stands in the place of the rest of a log that another version wrote, from its first event that is not understood on. */
export const restLine = ({ at, kind, sequence }: Pick<EventRecord, 'at' | 'kind' | 'sequence'>): TimelineLine => ({
  at: Date.parse(at),
  sequence,
  tone: 'bad',
  text: `event ${sequence} (${kind}) was written by another version of dr-autopilot; only that one can read it and what follows`,
});

type Told = Pick<TimelineLine, 'tone' | 'text'>;

/** One event in words; `undefined` for what people need not read. */
export function tell(event: IncidentEvent, state: IncidentState): Told | undefined {
  const title = (step: string): string => state.run?.plan.steps.find(({ id }) => id === step)?.title ?? step;
  switch (event.kind) {
    case 'opened':
      return { tone: 'bad', text: `opened by ${event.data.source}: ${event.data.headline} (${event.data.target})` };
    case 'signalsAbsorbed':
      return {
        tone: 'info',
        text: `${event.data.signals.length} signal(s): ${event.data.signals.map((signal) => `${signal.relation}: ${signal.summary}`).join(' | ')}`,
      };
    case 'looked':
      return { tone: 'info', text: `look ${event.data.round}: ${event.data.summary.join('; ')}` };
    case 'diagnosed': {
      const { scenario, target, confidence, conclusion, reasons } = event.data.diagnosis;
      return {
        tone: conclusion === 'nothing' ? 'good' : 'bad',
        text: `${confidence}: ${scenario} on ${target} → ${conclusion} (${reasons.map(({ code }) => code).join(', ')})`,
      };
    }
    case 'held':
      return {
        tone: 'person',
        text: `held back: ${event.data.blocks.map((block) => `${block.guard}: ${block.observed}, limit ${block.limit}`).join('; ')}`,
      };
    case 'released':
      return { tone: 'step', text: `held back no longer: ${event.data.because}` };
    case 'planDrawn':
      return {
        tone: 'step',
        text: `${event.data.performed ? 'plan' : 'would do (observe)'}: ${event.data.plan.runbook}, ${event.data.plan.steps.length} steps, about ${showDuration(criticalPath(event.data.plan))}; ${showLossBound(event.data.plan.lossBound)}`,
      };
    case 'approvalAsked':
      return {
        tone: 'person',
        text: `approval ${event.data.approval} asked of ${event.data.approvers.join(', ')} (quorum ${event.data.quorum}), good until ${new Date(event.data.expiresAt).toISOString()}`,
      };
    case 'linkIssued':
      return { tone: 'info', text: `link made for ${event.data.approver}` };
    case 'decided':
      return {
        tone: event.data.decision === 'approve' ? 'good' : 'person',
        text: `${event.data.approver} decided: ${event.data.decision}`,
      };
    case 'preparationStarted':
      return { tone: 'step', text: 'preparing while people decide: safe steps only' };
    case 'preparationWithheld':
      return {
        tone: 'person',
        text: `nothing is prepared before the approval: ${event.data.blocks.map((block) => `${block.guard}: ${block.observed}, limit ${block.limit}`).join('; ')}`,
      };
    case 'attemptRefused':
      return { tone: 'bad', text: `an attempt was refused: ${event.data.because}` };
    case 'approvalVoided':
      return { tone: 'person', text: `approval void: ${event.data.because}` };
    case 'runStarted':
      return { tone: 'step', text: 'run started' };
    case 'stepStarted':
      return {
        tone: 'step',
        text: `▸ ${event.data.direction === 'undo' ? 'taking back: ' : ''}${title(event.data.step)}${event.data.attempt > 1 ? ` (try ${event.data.attempt})` : ''}`,
      };
    case 'stepWaiting':
      return { tone: 'info', text: `  … ${title(event.data.step)}: ${event.data.detail}` };
    case 'stepDone':
      return {
        tone: 'good',
        text: `✓ ${event.data.direction === 'undo' ? 'taken back: ' : ''}${title(event.data.step)}${event.data.already ? ' (so already)' : ''}: ${event.data.detail}`,
      };
    case 'stepFailed':
      return { tone: 'bad', text: `✗ ${title(event.data.step)}: ${event.data.failure.detail}` };
    case 'acknowledged':
      return {
        tone: 'person',
        text: `${event.data.by} says that it is done: ${title(event.data.step)} (${event.data.reason})`,
      };
    case 'evidenceKept':
      return { tone: 'info', text: `evidence: ${event.data.what} (${event.data.digest.slice(0, 12)})` };
    case 'landingStarted':
      return { tone: 'bad', text: `landing (${event.data.landing}): ${event.data.because.detail}` };
    case 'landed':
      return { tone: 'person', text: `landed (${event.data.landing}); next: ${event.data.next.join('; ')}` };
    case 'foreignWork':
      return {
        tone: 'bad',
        text: `somebody else is acting: ${event.data.who}, ${event.data.what} on ${event.data.instance} at ${new Date(event.data.when).toISOString()}`,
      };
    case 'takenOver':
      return { tone: 'person', text: `taken over by ${event.data.by}; next: ${event.data.next.join('; ')}` };
    case 'resumed':
      return { tone: 'person', text: `resumed by ${event.data.by}` };
    case 'cancelled':
      return { tone: 'person', text: `cancelled by ${event.data.by}: ${event.data.reason}` };
    case 'handedOver':
      return { tone: 'info', text: `handed over: ${event.data.because}` };
    case 'noticeDue':
      return event.data.notice.urgent
        ? { tone: 'person', text: `notice due: ${event.data.notice.subject}` }
        : undefined;
    case 'noticeDelivered':
      return { tone: 'info', text: `notice ${event.data.notice} delivered to ${event.data.destination}` };
    case 'noticeFailed':
      return {
        tone: 'bad',
        text: `notice ${event.data.notice} did not reach ${event.data.destination}: ${event.data.detail}`,
      };
    case 'needsPerson':
      return { tone: 'person', text: `needs a person: ${event.data.because}` };
    case 'continued':
      return { tone: 'info', text: `goes on: ${event.data.because}` };
    case 'resolved':
      return { tone: 'good', text: `resolved: ${event.data.text}${showMeasures(event.data.measures)}` };
    case 'dismissed':
      return { tone: 'good', text: `dismissed: ${event.data.because}` };
    default:
      return unreachable(event);
  }
}

/** Measured times in words: ` [detect 2m, confirm 1m, …]`. */
export function showMeasures(measures: Readonly<Record<string, number | null>>): string {
  const parts = Object.entries(measures).flatMap(([name, ms]) =>
    ms === null ? [] : [`${name} ${showDuration(millis(ms))}`],
  );
  return parts.length === 0 ? '' : ` [${parts.join(', ')}]`;
}
