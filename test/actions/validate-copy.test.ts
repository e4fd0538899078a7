import { describe, expect, it } from '@jest/globals';
import { RECOVER_CATALOGUE } from '../../shared/actions/catalogue.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import { minutes } from '../../shared/core/time.ts';
import type { ActionContext, Progress } from '../../shared/engine/action.ts';
import type { Inventory, QueryAnswer, TableContent } from '../../shared/ports/contents.ts';
import { at, PRIMARY } from '../classify/looks.ts';
import { JumpingClock } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

const COPY = 'coditect-dms-db-restore';
const TAKEN = at(0);

const documents = (rows: number, newer?: number): TableContent => ({
  table: 'documents',
  rows,
  newestAt: at(-60),
  newer,
});

const whole: Inventory = { tables: [documents(100)], brokenKeys: [] };

/** What the databases say of themselves; `undefined` is silence. */
interface Said {
  readonly copy?: Inventory | undefined;
  readonly production?: Inventory | undefined;
  readonly answer?: QueryAnswer;
}

function stage({ copy, production, answer = { kind: 'value', value: '100' } }: Said) {
  const clock = new JumpingClock();
  const kept: string[] = [];
  const context = contextOf({
    clock,
    world: {
      contents: {
        inventory: async (instance: string) => (instance === COPY ? copy : production),
        ask: async () => answer,
      },
    },
    keep: async (_what: string, text: string) => void kept.push(text),
  });
  return { clock, context, kept };
}

const CHECK = { name: 'there are documents', query: 'SELECT count(*) FROM documents', atLeast: 100, equals: null };

async function perform(kind: string, input: JsonObject, context: ActionContext): Promise<Progress> {
  const action = RECOVER_CATALOGUE[kind];
  if (action === undefined) throw new Error(`there is no action ${kind}`);
  return await action.start(input, null, context);
}

const copied = { copy: COPY, source: PRIMARY, takenAtMs: TAKEN };
const validate = (said: Said, checks: readonly JsonObject[] = [CHECK]) => {
  const { context } = stage(said);
  return perform('validate-copy', { copy: COPY, checks: [...checks] }, context);
};

describe('a copy', () => {
  it('is whole with rows, unbroken keys and every check held, and what was found is kept', async () => {
    const { context, kept } = stage({ copy: whole });

    const progress = await perform('validate-copy', { copy: COPY, checks: [CHECK] }, context);

    expect(progress).toMatchObject({ kind: 'done', detail: expect.stringContaining('documents 100') });
    expect(kept.join()).toContain('SELECT count(*) FROM documents');
  });

  it.each<readonly [string, Said, string]>([
    ['it holds no row', { copy: { tables: [documents(0)], brokenKeys: [] } }, 'it holds no row'],
    [
      'rows point at nothing',
      { copy: { ...whole, brokenKeys: [{ constraint: 'documents_tenant_id_fkey', rows: 3 }] } },
      '3 rows break documents_tenant_id_fkey',
    ],
    ['a check finds too little', { copy: whole, answer: { kind: 'value', value: '99' } }, '99 is not at least 100'],
    ['a check finds nothing', { copy: whole, answer: { kind: 'value', value: null } }, 'null is not at least 100'],
    ['a check is refused', { copy: whole, answer: { kind: 'refused', detail: 'no such table' } }, 'no such table'],
    ['a check gets no answer', { copy: whole, answer: { kind: 'unanswered', detail: 'timeout' } }, 'timeout'],
  ])('is not whole where %s', async (_, said, why) => {
    const progress = await validate(said);

    expect(progress).toMatchObject({ kind: 'failed', failure: { detail: expect.stringContaining(why) } });
  });

  it('is not whole where a value is not exactly what it must be', async () => {
    const exactly = { ...CHECK, atLeast: null, equals: '0' };

    expect(await validate({ copy: whole }, [exactly])).toMatchObject({ kind: 'failed' });
  });

  it('is waited for after its start, and not for ever', async () => {
    const { clock, context } = stage({});
    const action = RECOVER_CATALOGUE['validate-copy'];
    const first = await action?.start({ copy: COPY, checks: [] }, null, context);
    clock.advance(minutes(6));

    const last = first?.kind === 'running' && (await action?.poll(first.handle, { copy: COPY, checks: [] }, context));

    expect(first).toMatchObject({ kind: 'running' });
    expect(last).toMatchObject({ kind: 'failed', failure: { code: 'copySilent' } });
  });
});

describe('production beside a copy', () => {
  const compare = (said: Said) => perform('compare-copy', copied, stage(said).context);

  it.each<readonly [string, readonly TableContent[], string]>([
    ['has what was written since', [documents(112, 12)], 'documents: 12 rows newer in production'],
    ['lacks what was deleted', [documents(72, 12)], '40 rows of the copy missing in production'],
    ['has older rows that were put back', [documents(105, 0)], '5 rows of before in production that the copy lacks'],
    ['lacks a whole table', [], 'production does not have the table (100 rows in the copy)'],
    ['has a table of its own', [documents(100, 0), { ...documents(7, 7), table: 'notes' }], 'notes: the copy does not'],
  ])('%s, and it is said in rows', async (_, tables, text) => {
    const progress = await compare({ copy: whole, production: { tables, brokenKeys: [] } });

    expect(progress).toMatchObject({ kind: 'done', detail: expect.stringContaining(text) });
  });

  it('that does not answer stops nothing: it may be what is gone', async () => {
    expect(await compare({ copy: whole })).toMatchObject({
      kind: 'done',
      detail: expect.stringContaining(`${PRIMARY} does not answer`),
    });
  });
});
