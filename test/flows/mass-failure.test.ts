import { describe, expect, it } from '@jest/globals';
import { minutes } from '../../shared/core/time.ts';
import { journalOf } from '../../shared/flows/flow-home.ts';
import { togetherWith } from '../../shared/flows/mass-failure.ts';
import { decideResume } from '../../shared/incident/decide.ts';
import { event, type NewEvent } from '../../shared/incident/events.ts';
import { amidst } from '../../shared/incident/mass-failure.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import { held, tell } from '../../shared/incident/telling.ts';
import type { Journal } from '../../shared/log/journal.ts';
import { incidentId } from '../../shared/system/names.ts';
import { counted } from './counted-store.ts';
import { planted } from './planted.ts';
import { flowStage } from './stage.ts';

/** A home in which so many targets have failed at once, and the logs of their incidents, the oldest first. */
async function failed(count: number) {
  const { home, clock } = flowStage();
  const journals: Journal[] = [];
  for (let number = 0; number < count; number += 1) journals.push(await planted(home, `t${number}`));
  return { home, clock, journals };
}

const end = (journal: Journal): Promise<IncidentState> =>
  journal.append(() => [event('dismissed', { because: 'well again' })]);

const said = [
  tell('diagnosed/x', 'diagnosed', 'x', 'x'),
  tell('person/x', 'needsPerson', 'x', 'x', { urgent: true }),
  tell('approval/x', 'approval', 'x', 'x', { approval: 'apr-x' }),
];
const subjects = (events: readonly NewEvent[]): readonly string[] =>
  events.flatMap((one) => (one.kind === 'noticeDue' ? [one.data.notice.id] : []));

describe('many targets that fail at once', () => {
  it('have one card, in the log of one of their incidents, and keep quiet for the rest', async () => {
    const { home, journals } = await failed(8);
    const [first, second] = journals.map((journal) => journal.state());
    if (first === undefined || second === undefined) throw new Error('eight were opened');

    const one = (await togetherWith(first, home)).mass;
    const other = (await togetherWith(second, home)).mass;

    expect([one?.card, other?.card]).toEqual(['inc-t0', 'inc-t0']);
    expect(subjects(amidst(one, said, first))).toEqual([...subjects(said), 'massFailure/8']);
    expect(subjects(amidst(other, said, second))).toEqual(['approval/x']);
  });

  it('are those of dr.yaml’s number and no fewer', async () => {
    const { home, journals } = await failed(5);
    const [first] = journals.map((journal) => journal.state());
    expect(first === undefined ? undefined : await togetherWith(first, home)).toMatchObject({ mass: undefined });
  });

  it('stay together for as long as they are open, however much later it is, and not with what fails afterwards', async () => {
    const { home, clock, journals } = await failed(6);
    clock.advance(minutes(60));
    const late = await planted(home, 'late');

    expect((await togetherWith((journals[0] as Journal).state(), home)).targets).toHaveLength(6);
    expect((await togetherWith(late.state(), home)).mass).toBeUndefined();

    await end(journals[5] as Journal);
    expect((await togetherWith((journals[0] as Journal).state(), home)).mass).toBeUndefined();
  });

  it('are told of once, whichever incident holds the card, and again when it is another failure', async () => {
    const { home, clock, journals } = await failed(9);
    const [first, second] = journals;
    if (first === undefined || second === undefined) throw new Error('nine were opened');
    const told = (await togetherWith(first.state(), home)).mass;
    await first.append((state) => amidst(told, [], state));
    await end(first);

    const next = (await togetherWith(second.state(), home)).mass;
    expect(next).toMatchObject({ card: 'inc-t1', told: 8, targets: 8 });
    expect(subjects(amidst(next, [], second.state()))).toEqual([]);

    for (const journal of journals.slice(1)) await end(journal);
    clock.advance(minutes(60));
    const later: Journal[] = [];
    for (let number = 0; number < 9; number += 1) later.push(await planted(home, `l${number}`));
    const again = (await togetherWith((later[0] as Journal).state(), home)).mass;
    expect(subjects(amidst(again, [], (later[0] as Journal).state()))).toEqual(['massFailure/8']);
  });

  it('hand the card on when the incident that held it has ended', async () => {
    const { home, journals } = await failed(9);
    await togetherWith((journals[0] as Journal).state(), home);
    await end(journals[0] as Journal);

    expect((await togetherWith((journals[1] as Journal).state(), home)).mass?.card).toBe('inc-t1');
  });

  it('cost a look the same, be they ten or two hundred', async () => {
    const cost = async (count: number) => {
      const { home, journals } = await failed(count);
      await togetherWith((journals[0] as Journal).state(), home);
      const { store, asked } = counted(home.store);
      await togetherWith((journals[1] as Journal).state(), { ...home, store });
      return { ...asked.calls, rows: asked.rows };
    };
    expect(await cost(200)).toEqual(await cost(18));
  });
});

describe('what was kept back', () => {
  it('is told when the others have ended and a person is still needed', async () => {
    const { home } = await failed(1);
    const journal = await planted(home, 'lonely');
    const state = await journal.append(() => [event('needsPerson', { because: 'it is silent', tried: [], next: [] })]);

    expect(subjects(amidst(undefined, [], state))).toEqual(['person/untold']);
    const told = await journal.append((now) => amidst(undefined, [], now));
    expect(subjects(amidst(undefined, [], told))).toEqual([]);
  });
});

describe('a cure that is frozen', () => {
  const frozen = async () => {
    const { home, clock } = await failed(1);
    const journal = await journalOf(incidentId('inc-t0'), home);
    if (journal === undefined) throw new Error('it was opened');
    await journal.append((state, now) =>
      held(
        state,
        [
          {
            guard: 'massFailure',
            kind: 'brake',
            code: 'massFailure',
            observed: '6',
            limit: '5',
            clearsAtMs: null,
            openedBy: 'dr resume',
          },
        ],
        now,
      ),
    );
    return { journal, resumption: { policy: undefined, approval: 'unused', now: clock.now() } };
  };

  it('thaws when a known person resumes it', async () => {
    const { journal, resumption } = await frozen();
    const state = await journal.append((now) => decideResume(now, 'ann', { ...resumption, authenticated: true }));
    expect(state).toMatchObject({ thawed: true, phase: { kind: 'suspected' } });
  });

  it('does not thaw for a message, which is no identity', async () => {
    const { journal, resumption } = await frozen();
    const state = await journal.append((now) => decideResume(now, 'ann', { ...resumption, authenticated: false }));
    expect(state).toMatchObject({ thawed: false, phase: { kind: 'held' } });
  });
});
