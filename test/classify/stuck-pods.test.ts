import { describe, expect, it } from '@jest/globals';
import type { PodStatus } from '../../shared/ports/workloads.ts';
import { ABOUT_API, ask, at, every20, gke, look, pod, podLook, run, wellDatabase } from './looks.ts';

/** Deleted before the looks began, with a grace that was over at 0. */
const STUCK: Partial<PodStatus> = { ready: false, terminating: true, endsBy: at(-180) };

/** The pod and its replacement, beside two others. */
const stuck =
  (change: Partial<PodStatus> = {}) =>
  (seconds: number) =>
    look(
      seconds,
      [wellDatabase(seconds)],
      [gke('serving', { pods: [pod('a', { ...STUCK, ...change }), pod('b'), pod('c'), pod('d')] }), run('serving')],
    );

const asked = (change: Partial<PodStatus> = {}) => ask(every20(20, 80, stuck(change)), ABOUT_API);

describe('a pod that was deleted and does not go', () => {
  it('is taken out of the API by approval when its grace is long over', () => {
    expect(asked()).toMatchObject({
      scenario: 'pod-stuck-ending',
      conclusion: 'act',
      runbook: 'pod-force-delete',
      subject: { pod: 'a', uid: 'uid-a' },
    });
  });

  it('waits for the end of the window', () => {
    expect(ask(every20(20, 60, stuck()), ABOUT_API)).toMatchObject({ conclusion: 'wait' });
  });

  it('is on its way out while its grace lasts, and a little longer', () => {
    expect(asked({ endsBy: at(300) })).toMatchObject({ conclusion: 'nothing' });
    expect(asked({ endsBy: at(0) })).toMatchObject({ conclusion: 'nothing' });
  });

  it.each<[string, Partial<PodStatus>, RegExp]>([
    ['a finalizer keeps it', { finalizers: ['dms/drain'] }, /the finalizer dms\/drain keeps it/],
    ['its node may still write to a volume of its own', { ownVolume: true }, /a second writer would damage/],
    ['nobody has read what keeps it', { ownVolume: undefined }, /is not known/],
  ])('is left to people when %s', (_, change, text) => {
    const { conclusion, runbook, reasons } = asked(change);

    expect({ conclusion, runbook }).toEqual({ conclusion: 'person', runbook: null });
    expect(reasons[0]?.text).toMatch(text);
  });

  it('has recovered when it is gone', () => {
    const rounds = [stuck()(20), ...every20(40, 100, (seconds) => podLook(seconds, {}))];

    expect(ask(rounds, ABOUT_API)).toMatchObject({ scenario: 'recovered', conclusion: 'nothing' });
  });
});
