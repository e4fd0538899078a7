import { describe, expect, it } from '@jest/globals';
import type { ApplicationFacts, Facts } from '../../shared/classify/facts.ts';
import type { Inquiry } from '../../shared/classify/evidence.ts';
import { parseFacts } from '../../shared/classify/stored-facts.ts';
import { factsText } from '../../shared/classify/facts.ts';
import { parseLeftRaised } from '../../shared/incident/left-raised.ts';
import { planFaults } from '../../shared/plan/plan.ts';
import type { DeepHealth } from '../../shared/ports/applications.ts';
import type { ServiceLoad } from '../../shared/ports/service-load.ts';
import { drawTakeBack } from '../../shared/runbooks/take-back.ts';
import { targetId } from '../../shared/system/names.ts';
import { ask, at, deadDatabase, every20, gke, look, run, SYSTEM, wellDatabase } from './looks.ts';

const ABOUT_RUN: Partial<Inquiry['state']> = {
  target: targetId('application/api-run'),
  targets: [targetId('application/api-run')],
};

/** The load of a minute, visible at `seconds`. */
const load = (seconds: number, active: number, refused: number): ServiceLoad => ({
  minutes: [{ at: at(seconds - 60), requests: 100, refused }],
  active: [{ at: at(seconds - 60), value: active }],
});

/** A latency whose 95th percentile and use of CPU are so, beside a limit of 1.5 s. */
const latency = (seconds: number, p95: number, cpu: number | undefined) => ({
  limitMs: 1_500,
  p95: [{ at: at(seconds - 60), value: p95 }],
  cpu: cpu === undefined ? [] : [{ at: at(seconds - 60), value: cpu }],
});

interface Seen {
  /** 95th percentile of the latency in milliseconds, and the share of CPU that its instances use. */
  readonly slow?: readonly [number, number | undefined];
  readonly active?: number;
  readonly refused?: number;
  readonly health?: DeepHealth['kind'];
  readonly max?: number;
  readonly revisionMax?: number | undefined;
}

function service(
  seconds: number,
  { active = 4, refused = 50, health = 'serving', slow, ...limits }: Seen,
): ApplicationFacts {
  const facts = run(health);
  if (facts.service === undefined || 'unreadable' in facts.service) throw new Error('the service is readable');
  const { max = 4, revisionMax = 10 } = limits;
  return {
    ...facts,
    service: { ...facts.service, scaling: { kind: 'automatic', min: 1, max }, revisionMax },
    load: { ...load(seconds, active, refused), ...(slow === undefined ? {} : { latency: latency(seconds, ...slow) }) },
  };
}

const pressed = (seconds: number, seen: Seen = {}): Facts =>
  look(seconds, [wellDatabase(seconds)], [gke('serving'), service(seconds, seen)]);

const asked = (seen: Seen = {}, more: Partial<Inquiry> = {}) =>
  ask(
    every20(20, 80, (seconds) => pressed(seconds, seen)),
    ABOUT_RUN,
    more,
  );

describe('a Cloud Run service that is slow', () => {
  const slow = (p95: number, cpu: number | undefined, more: Seen = {}) =>
    asked({ refused: 0, slow: [p95, cpu], ...more });

  it('gets more instances when all that it may have work, and nobody is turned away', () => {
    expect(slow(2_200, 0.9)).toMatchObject({
      conclusion: 'act',
      runbook: 'service-scale-up',
      reasons: [
        {
          code: 'instancesExhausted',
          text: expect.stringContaining('takes 2.2 s or longer, its instances work at 90 % of its CPU'),
        },
      ],
    });
  });

  it('gets none when its instances wait for something else, such as a slow database: people are told', () => {
    expect(slow(2_200, 0.1)).toMatchObject({
      conclusion: 'person',
      reasons: [{ code: 'slowForAnotherReason', text: expect.stringContaining('its instances wait: they use 10 %') }],
    });
  });

  it('gets none either where some are turned away meanwhile, which is said', () => {
    expect(slow(2_200, 0.1, { refused: 50 })).toMatchObject({
      conclusion: 'person',
      reasons: [{ code: 'slowForAnotherReason', text: expect.stringContaining('50 of 100 requests') }],
    });
  });

  it('gets none while it has instances free', () => {
    expect(slow(2_200, 0.9, { active: 2 })).toMatchObject({
      conclusion: 'person',
      reasons: [{ code: 'slowForAnotherReason' }],
    });
  });

  it('gets none where nobody knows whether its instances work', () => {
    expect(slow(2_200, undefined).conclusion).not.toBe('act');
  });

  it('is well below what dr.yaml calls slow, and where dr.yaml says nothing of it', () => {
    for (const found of [slow(1_400, 0.9), asked({ refused: 0 })])
      expect(found.reasons.map(({ code }) => code)).not.toContain('slowForAnotherReason');
    expect(slow(1_400, 0.9).conclusion).not.toBe('act');
  });

  it('goes to people when dr.yaml allows no further instance', () => {
    expect(slow(2_200, 0.9, { max: 10, active: 10 })).toMatchObject({
      conclusion: 'person',
      reasons: [{ code: 'noInstanceLeft' }],
    });
  });

  it('keeps its latency in the evidence, and evidence of before is still read', () => {
    const facts = pressed(80, { slow: [2_200, 0.9] });

    expect(parseFacts(factsText(facts))).toEqual(facts);
    expect(parseFacts(factsText(pressed(80)))).toEqual(pressed(80));
  });
});

describe('a Cloud Run service under pressure', () => {
  it('gets more instances when it has turned requests away at its limit for the whole window', () => {
    expect(asked()).toMatchObject({
      scenario: 'service-under-pressure',
      confidence: 'confirmed',
      conclusion: 'act',
      runbook: 'service-scale-up',
      target: 'application/api-run',
      subject: { application: 'api-run' },
    });
  });

  it('waits for the end of the window', () => {
    const rounds = every20(20, 60, (seconds) => pressed(seconds));

    expect(ask(rounds, ABOUT_RUN)).toMatchObject({ scenario: 'service-under-pressure', conclusion: 'wait' });
  });

  it('goes to people when dr.yaml allows no further instance', () => {
    expect(asked({ max: 10, active: 10 })).toMatchObject({
      conclusion: 'person',
      reasons: [{ code: 'noInstanceLeft' }],
    });
  });

  it('goes to people when its revision allows no further instance', () => {
    const { conclusion, reasons } = asked({ max: 8, active: 4, revisionMax: 4 });

    expect(conclusion).toBe('person');
    expect(reasons[0]?.text).toMatch(/its revision allows no more than 4/);
  });

  it('goes to people when its limits have been raised before', () => {
    expect(asked({}, { raisedInVain: true })).toMatchObject({ conclusion: 'person', runbook: null });
  });

  it('goes to people with what was refused, and is not asked for again', () => {
    const { conclusion, reasons } = asked(
      {},
      { raiseRefused: 'Cloud Run refuses 4 to 8 instances of api-run (http 400)' },
    );

    expect(conclusion).toBe('person');
    expect(reasons[0]?.text).toMatch(/turned away.*and Cloud Run refuses 4 to 8/);
  });

  it.each<[string, Seen]>([
    ['an instance is free', { active: 3 }],
    ['all are busy and everybody is answered', { refused: 0 }],
  ])('is none while %s', (_, seen) => {
    expect(asked(seen).scenario).toBe('not-failed');
  });

  it('is the database’s incident while that is in doubt', () => {
    const rounds = every20(20, 80, (seconds) =>
      look(seconds, [deadDatabase(seconds)], [gke('failing'), service(seconds, { health: 'failing' })]),
    );

    expect(ask(rounds).scenario).toBe('database-primary-failure');
  });

  it('is not cured by instances while what shares its database fails as well', () => {
    const rounds = every20(20, 80, (seconds) =>
      look(seconds, [wellDatabase(seconds)], [gke('failing'), service(seconds, {})]),
    );

    expect(ask(rounds, ABOUT_RUN).runbook).toBeNull();
  });

  it('is read back from the evidence as it was seen', () => {
    const facts = pressed(20);

    expect(parseFacts(factsText(facts))).toEqual(facts);
  });
});

describe('a Cloud Run service whose load can not be read any more', () => {
  const unread = (seconds: number): Facts =>
    look(
      seconds,
      [wellDatabase(seconds)],
      [gke('serving'), { ...service(seconds, {}), load: { unreadable: 'timeout' } }],
    );

  it('is not over because of that, when its load was what named the failure', () => {
    const diagnosis = asked();

    expect(ask(every20(100, 180, unread), { ...ABOUT_RUN, diagnosis })).toMatchObject({
      scenario: 'service-under-pressure',
      conclusion: 'wait',
    });
    expect(ask(every20(100, 180, unread), { ...ABOUT_RUN, diagnosis, openedAt: at(-3_600) }).conclusion).toBe('person');
  });

  it('is not over because of that either when a run has raised its limits in vain, whatever was named since', () => {
    const silent = { ...ask(every20(100, 180, unread), ABOUT_RUN), scenario: 'unknown' } as const;

    expect(
      ask(every20(100, 180, unread), { ...ABOUT_RUN, diagnosis: silent }, { raisedInVain: true }).conclusion,
    ).not.toBe('nothing');
  });

  it('is not well where nothing was named: a signal is about it, and our own few questions don’t tell of its users', () => {
    expect(ask(every20(100, 180, unread), ABOUT_RUN)).toMatchObject({ scenario: 'unknown', conclusion: 'wait' });
    expect(ask(every20(100, 180, unread), { ...ABOUT_RUN, openedAt: at(-600) }).conclusion).toBe('person');
  });

  it('is well like any other where the signal is about something else', () => {
    expect(ask(every20(100, 180, unread))).toMatchObject({ scenario: 'not-failed', conclusion: 'nothing' });
  });

  it('is not well while requests are counted as turned away, and its limits are what can not be read', () => {
    const limitless = (seconds: number): Facts =>
      look(
        seconds,
        [wellDatabase(seconds)],
        [gke('serving'), { ...service(seconds, {}), service: { unreadable: 'http 503' } }],
      );
    expect(ask(every20(100, 180, limitless), ABOUT_RUN)).toMatchObject({ scenario: 'unknown', conclusion: 'wait' });
  });
});

describe('a Cloud Run service whose limits this incident left raised', () => {
  const leftRaised = {
    kind: 'service',
    application: 'api-run',
    before: { min: 1, max: 4 },
    wanted: { min: 1, max: 8 },
  } as const;
  const left = (seen: Seen, openedAt = 20) =>
    ask(
      every20(20, 80, (seconds) => pressed(seconds, { max: 8, refused: 0, ...seen })),
      { ...ABOUT_RUN, openedAt: at(openedAt) },
      { leftRaised: [leftRaised] },
    );

  it('gets them back when it has been well for the window with no more instances than before', () => {
    const { conclusion, runbook, subject } = left({ active: 4 });

    expect({ conclusion, runbook }).toEqual({ conclusion: 'act', runbook: 'service-scale-up' });
    expect(parseLeftRaised(subject['raised'])).toEqual(leftRaised);
  });

  it('is not over while it needs them, however long that takes', () => {
    expect(left({ active: 5 }, -7_200)).toMatchObject({ scenario: 'service-under-pressure', conclusion: 'wait' });
  });

  it('is over when somebody else has changed them: they are theirs', () => {
    expect(left({ active: 4, max: 6 })).toMatchObject({ conclusion: 'nothing' });
  });

  it('has a plan that takes them back, raises nothing, and is safe', () => {
    const plan = drawTakeBack(SYSTEM, 'inc-a', 'service-under-pressure', {
      at: at(0),
      raised: leftRaised,
      warnings: [],
    });

    expect(planFaults(plan)).toEqual([]);
    expect(plan.steps.map(({ action, risk }) => `${action} ${risk}`)).toEqual([
      'restore-service safe',
      'stay-healthy observe',
    ]);
    expect(plan.steps[0]?.input).toMatchObject({ before: leftRaised.before, wanted: leftRaised.wanted });
  });
});
