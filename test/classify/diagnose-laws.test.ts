import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DatabaseFacts } from '../../shared/classify/facts.ts';
import { RULES } from '../../shared/classify/rules.ts';
import { diagnosisWire } from '../../shared/incident/diagnosis.ts';
import {
  ask,
  at,
  deadDatabase,
  deadLook,
  EAST,
  gke,
  instance,
  look,
  operation,
  REPLICA,
  run,
  SYSTEM,
  word,
} from './looks.ts';

describe('every diagnosis', () => {
  /** Mostly a dead primary, with some of what a look may show instead. */
  const anyChange = (seconds: number) =>
    fc.record(
      {
        up: fc.constantFrom<DatabaseFacts['up']>([], { unreadable: 'timeout' }, [{ at: at(seconds - 70), value: 1 }]),
        replication: fc.constantFrom([], [word(REPLICA, true, at(seconds - 2)), word(EAST, false, at(-2))]),
        operations: fc.constantFrom<DatabaseFacts['operations']>(
          { unreadable: 'http 503' },
          [operation('MAINTENANCE', at(-5))],
          [operation('UPDATE', at(-900))],
        ),
        primary: fc.constantFrom<DatabaseFacts['primary']>(
          instance({ availability: 'regional' }),
          instance({ activation: 'never' }),
          { unreadable: 'timeout' },
        ),
        contact: fc.record({
          vantage: fc.constant('dr-autopilot'),
          at: fc.constant(at(seconds)),
          outcome: fc.constantFrom<DatabaseFacts['contact']['outcome']>(
            { kind: 'written' },
            { kind: 'unknown', detail: 'timeout' },
          ),
          control: fc.constantFrom<DatabaseFacts['contact']['control']>('ok', 'failed', 'none'),
        }),
      },
      { requiredKeys: [] },
    );
  const kind = fc.constantFrom<'serving' | 'failing' | 'silent'>(
    'failing',
    'failing',
    'failing',
    'failing',
    'serving',
    'silent',
  );
  const changedLook = (seconds: number) =>
    fc
      .tuple(anyChange(seconds), kind, kind)
      .map(([change, a, b]) => look(seconds, [deadDatabase(seconds, change)], [gke(a), run(b)]));
  const anyLook = (seconds: number) =>
    fc.oneof({ weight: 3, arbitrary: fc.constant(deadLook(seconds)) }, { weight: 2, arbitrary: changedLook(seconds) });
  const anyRounds = fc
    .tuple(anyLook(20), anyLook(40), anyLook(60), anyLook(80))
    .chain((rounds) => fc.subarray([...rounds], { minLength: 1 }));

  it('can be stored, has a reason with the code of a rule, and what would change it', () => {
    fc.assert(
      fc.property(anyRounds, fc.constantFrom(null, 'database-failover'), (rounds, requested) => {
        const diagnosis = ask(rounds, { requested });
        expect(diagnosisWire.parse(diagnosis)).toEqual(diagnosis);
        expect(RULES.map(({ code }) => code)).toContain(diagnosis.reasons[0]?.code);
        expect(diagnosis.wouldChangeMind.length).toBeGreaterThan(0);
        expect(diagnosis.runbook !== null).toBe(diagnosis.conclusion === 'act');
        expect(diagnosis.lookAgainInMs !== null).toBe(diagnosis.conclusion === 'wait');
      }),
    );
  });

  it('acts only on two failed observers and none that serves, in every look of the window', () => {
    let acted = 0;
    fc.assert(
      fc.property(anyRounds, (rounds) => {
        const diagnosis = ask(rounds);
        if (diagnosis.conclusion !== 'act') return;
        acted += 1;
        const span = rounds.filter((facts) => facts.at >= (rounds.at(-1)?.at ?? 0) - SYSTEM.guards.confirmationWindow);
        expect((rounds.at(-1)?.at ?? 0) - (rounds[0]?.at ?? 0)).toBeGreaterThanOrEqual(
          SYSTEM.guards.confirmationWindow,
        );
        for (const { databases, applications } of span) {
          expect(databases[0]?.contact.outcome.kind).not.toBe('written');
          expect(databases[0]?.contact.control).not.toBe('failed');
          expect(applications.map(({ health }) => health.kind)).not.toContain('serving');
          expect(databases[0]?.replication.some(({ status }) => status?.receiving)).toBe(false);
        }
      }),
      { numRuns: 1_000 },
    );
    expect(acted).toBeGreaterThan(20);
  });

  it('never waits for ever: past a quarter of an hour a window of looks concludes something, or an operation or the next look decides', () => {
    fc.assert(
      fc.property(anyRounds, (rounds) => {
        const diagnosis = ask(rounds, { openedAt: at(-3_600) });
        const [first, last] = [rounds[0], rounds.at(-1)];
        const isAWindow = (last?.at ?? 0) - (first?.at ?? 0) >= SYSTEM.guards.confirmationWindow;
        if (diagnosis.conclusion !== 'wait' || !isAWindow) return;
        expect([
          'database-primary-failure',
          'database-maintenance',
          'database-operation-in-progress',
          'database-standby-takes-over',
        ]).toContain(diagnosis.scenario);
      }),
      { numRuns: 500 },
    );
  });

  it('has rules whose codes are told apart', () => {
    expect(new Set(RULES.map(({ code }) => code)).size).toBe(RULES.length);
    expect(RULES.every(({ describe: text }) => text.endsWith('.'))).toBe(true);
  });
});
