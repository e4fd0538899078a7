import { describe, expect, it } from '@jest/globals';
import {
  ask,
  at,
  deadLook,
  every20,
  gke,
  look,
  operation,
  pod,
  PRIMARY,
  run,
  wellDatabase,
  wellLook,
} from './looks.ts';
import { type Facts, factsText } from '../../shared/classify/facts.ts';
import { parseFacts } from '../../shared/classify/stored-facts.ts';
import { sha256 } from '../../shared/core/digest.ts';

const watch = {
  version: 1,
  instance: PRIMARY,
  lastWrittenAtMs: at(1),
  lastSequence: 3,
  notWrittenSinceMs: null,
  refusedSinceMs: null,
  lastLookAtMs: at(5),
  vantages: { x: { atMs: at(5), outcome: 'written', control: 'ok' } },
} as const;

const unreadable: Facts = look(
  40,
  [
    wellDatabase(40, {
      primary: { unreadable: 'http 503' },
      replicas: [],
      operations: { unreadable: 'timeout' },
      up: { unreadable: 'timeout' },
      watch,
    }),
  ],
  [
    gke('silent', { workload: { unreadable: 'x' }, pods: { unreadable: 'x' } }),
    run('silent', { service: { unreadable: 'x' } }),
  ],
);
const busy: Facts = look(
  60,
  [
    wellDatabase(60, {
      operations: [operation('UPDATE', at(0), { state: 'done', endedAt: at(30), error: 'ERROR_RDBMS', user: 'a@b.c' })],
    }),
  ],
  [
    gke('failing', {
      pods: [
        pod('a', {
          container: { kind: 'waiting', reason: 'CrashLoopBackOff' },
          node: undefined,
          startedAt: undefined,
          lastTermination: 'Error',
        }),
      ],
    }),
  ],
);

describe('facts as evidence', () => {
  it.each([
    ['well', wellLook(20)],
    ['dead', deadLook(20)],
    ['unreadable', unreadable],
    ['busy', busy],
  ])('are read back as they were: %s', (_, facts) => {
    expect(parseFacts(factsText(facts))).toEqual(facts);
  });

  it('have the digest that the diagnosis names', () => {
    expect(ask([deadLook(20)]).evidence).toBe(sha256(factsText(deadLook(20))));
  });

  it('lead to the same diagnosis after they were stored', () => {
    const rounds = every20(20, 80, deadLook);
    expect(ask(rounds.map((facts) => parseFacts(factsText(facts))))).toEqual(ask(rounds));
  });

  it('are refused when they hold what we do not know', () => {
    expect(() => parseFacts(JSON.stringify({ ...wellLook(20), version: 2 }))).toThrow();
    expect(() => parseFacts(factsText({ ...wellLook(20), more: 1 } as Facts))).toThrow();
  });
});
