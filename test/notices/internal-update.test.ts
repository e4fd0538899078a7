import { describe, expect, it } from '@jest/globals';
import { criticalPath } from '../../shared/plan/plan.ts';
import { after, instant, minutes, seconds, toIso } from '../../shared/core/time.ts';
import { event, type NewEvent } from '../../shared/incident/events.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import { internalUpdate } from '../../shared/notices/internal-update.ts';
import { askedStage } from '../approvals/asked.ts';

// The internal status update of runbook chapter 8.1.

/** The state after more events, with the moment at which it is told. */
async function told(
  events: (state: IncidentState) => readonly NewEvent[] = () => [],
  remedies?: Parameters<typeof askedStage>[2],
) {
  const stage = await askedStage(undefined, undefined, remedies);
  const journal = await stage.journal();
  const state = await journal.append((known) => events(known));
  return { state, now: stage.clock.now() };
}

const started = ({ run }: IncidentState): NewEvent =>
  event('runStarted', { run: run?.digest ?? '', planDigest: run?.digest ?? '', leaseToken: 1, worker: 'w' });
const begin = (step: string): NewEvent => event('stepStarted', { step, direction: 'do', attempt: 1, version: null });
const end = (step: string): NewEvent =>
  event('stepDone', { step, direction: 'do', already: false, detail: '', output: null });

const line = (text: string, name: string): string | undefined =>
  text
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}: `))
    ?.slice(name.length + 2);

describe('the internal update', () => {
  it('has the lines of the runbook’s template, in its order', async () => {
    const { state, now } = await told();

    expect(internalUpdate(state, now).split('\n')).toEqual([
      'Status: Identified',
      'Impact: Server up is 0',
      `Started: ${toIso(state.firstSignalAt ?? instant(0))}`,
      'ETA: not known yet',
      'Current Actions:',
      '- none',
      `Next Update: ${toIso(after(now, minutes(15)))}`,
    ]);
  });

  it('names the steps that are under way, and counts the ETA from the start of the run by the plan’s estimates', async () => {
    const { state, now } = await told((known) => [started(known), begin('confirm'), end('confirm'), begin('stop')]);
    const { run } = state;
    if (run?.startedAt === undefined) throw new Error('no run');

    const text = internalUpdate(state, after(now, seconds(30)));

    expect(text).toContain('Current Actions:\n- Stop the old primary coditect-dms-db\nNext Update');
    expect(line(text, 'ETA')).toBe(toIso(after(run.startedAt, criticalPath(run.plan))));
  });

  it.each<readonly [string, (state: IncidentState) => readonly NewEvent[]]>([
    ['Identified', (state) => [started(state), begin('confirm')]],
    [
      'Monitoring',
      (state) => [
        started(state),
        ...(state.run?.plan.steps ?? []).filter(({ stage }) => stage !== 'after').map(({ id }) => end(id)),
      ],
    ],
    ['Identified', () => [event('needsPerson', { because: 'b', tried: [], next: [] })]],
    ['Investigating', ({ approvals }) => [event('approvalVoided', { approval: approvals[0]?.id ?? '', because: 'b' })]],
    ['Resolved', () => [event('resolved', { measures: {}, text: 't' })]],
    ['Resolved', () => [event('dismissed', { because: 'b' })]],
  ])('says %s', async (status, events) => {
    const { state, now } = await told(events);

    expect(line(internalUpdate(state, now), 'Status')).toBe(status);
  });

  it.each([
    { holds: begin('restart-holds'), status: 'Monitoring' },
    {
      holds: event('stepFailed', {
        step: 'restart-holds',
        direction: 'do',
        failure: { kind: 'notVerified', code: 'relapsed', detail: 'ill', block: null },
      }),
      status: 'Identified',
    },
  ])('says $status while a remedy that helped is being watched, or no longer holds', async ({ holds, status }) => {
    const helped = ['look', 'restart', 'restart-serves'].map(end);
    const { state, now } = await told((known) => [started(known), ...helped, holds], ['wait', 'restart', 'promote']);

    expect(line(internalUpdate(state, now), 'Status')).toBe(status);
  });
});
