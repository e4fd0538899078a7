import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { instant } from '../../shared/core/time.ts';
import type { RowText } from '../../shared/ports/rows.ts';
import { compareDatabases } from '../../shared/rows/compare-databases.ts';
import { type ImportOutcome, importSet } from '../../shared/rows/import-set.ts';
import { keyText } from '../../shared/rows/key-order.ts';
import { type Operation, readReviewedSet } from '../../shared/rows/reviewed-set.ts';
import { instanceName } from '../../shared/system/names.ts';
import { keysOf, LittleRows, NOTES, type Notes, REFUSED } from './little-rows.ts';

// What holds of every import, on a database in memory: whatever was in the source, in production, and whatever others wrote between
// the review and the import.

const TENANTS = ['acme', 'borealis'] as const;
const place = (name: string) => ({ instance: instanceName(name), database: 'dms', login: 'none' });

/** Few ids and few texts, so that rows meet. */
const notes: fc.Arbitrary<Notes> = fc
  .array(
    fc.record({
      id: fc.nat(11).map(String),
      tenant_id: fc.constantFrom(...TENANTS),
      text: fc.constantFrom('one', 'two', 'three', REFUSED),
    }),
    { maxLength: 12 },
  )
  .map((rows) => new Map(rows.map((row): [string, RowText] => [row.id, row])));

async function compare(
  source: LittleRows,
  production: LittleRows,
  { operations, tenant }: { readonly operations: readonly Operation[]; readonly tenant?: string },
): Promise<string> {
  let text = '';
  const path = { hops: [], column: 'tenant_id' };
  await compareDatabases(
    {
      incident: 'inc-a',
      at: instant(1),
      source: { place: place('copy'), reader: source.reader() },
      production: { place: place('production'), reader: production.reader() },
      tables: [NOTES],
      tenant: tenant === undefined ? undefined : { value: tenant, paths: new Map([[NOTES.name, path]]) },
      operations,
      hidden: new Set(),
    },
    async (more) => {
      text += more;
    },
  );
  return text;
}

async function importText(production: LittleRows, text: string) {
  const files = new Map<string, readonly string[]>();
  const set = await readReviewedSet([Buffer.from(text)]);
  if (!set.ok) throw new Error(set.error.problem);
  const outcome: ImportOutcome = await production.changing((writer) =>
    importSet(writer, {
      set: set.value,
      incident: 'inc-a',
      triggers: new Set(),
      keep: async (what, lines) => {
        files.set(what, lines);
        return what;
      },
      mayGoOn: async () => {},
    }),
  );
  return { outcome, undo: (files.get('undo') ?? []).join(''), second: files.get('second-review') ?? [] };
}

const ALL: readonly Operation[] = ['insert', 'update', 'delete'];
const operations = fc.subarray([...ALL], { minLength: 1 });

describe('an import of a reviewed set', () => {
  it('loses nothing that anybody wrote since the review, and names each of those rows', async () => {
    await fc.assert(
      fc.asyncProperty(notes, notes, notes, operations, async (then, reviewed, since, wanted) => {
        const production = new LittleRows(reviewed);
        const text = await compare(new LittleRows(then), production, { operations: wanted });
        // What others did meanwhile: some rows are others, some are new, some are gone.
        production.notes = new Map(since);
        const { outcome, second } = await importText(production, text);
        expect(outcome.kind).toBe('imported');
        const left = keysOf(second);
        for (const id of new Set([...reviewed.keys(), ...since.keys(), ...then.keys()])) {
          const [was, is, now] = [reviewed.get(id), since.get(id), production.notes.get(id)];
          const isTouched = JSON.stringify(was) !== JSON.stringify(is);
          if (isTouched) expect(now).toEqual(is);
          const isDone = JSON.stringify(now) === JSON.stringify(then.get(id));
          const isAsked = text.includes(`"key":["${id}"]`);
          expect(!isAsked || isDone || left.has(keyText([id]))).toBe(true);
        }
      }),
    );
  });

  it('brings production to the source where nobody wrote, and its undo set brings it back', async () => {
    await fc.assert(
      fc.asyncProperty(notes, notes, async (then, reviewed) => {
        const allowed = new Map([...then].filter(([, row]) => row['text'] !== REFUSED));
        const production = new LittleRows(new Map([...reviewed].filter(([, row]) => row['text'] !== REFUSED)));
        const before = new Map(production.notes);
        const { undo } = await importText(
          production,
          await compare(new LittleRows(allowed), production, { operations: ALL }),
        );
        expect(production.notes).toEqual(allowed);
        if (undo !== '') await importText(production, undo);
        expect(production.notes).toEqual(before);
      }),
    );
  });

  it('of one tenant leaves every row of the others as it is', async () => {
    await fc.assert(
      fc.asyncProperty(notes, notes, async (then, reviewed) => {
        const production = new LittleRows(reviewed);
        const text = await compare(new LittleRows(then), production, { operations: ALL, tenant: 'acme' });
        const { outcome } = await importText(production, text);
        for (const [id, row] of reviewed)
          if (row['tenant_id'] !== 'acme') expect(production.notes.get(id)).toEqual(row);
        // A row that was acme's once and is another's now is in nobody's set.
        expect(['imported', 'refused']).toContain(outcome.kind);
      }),
    );
  });

  it('changes nothing the second time, and answers the same', async () => {
    await fc.assert(
      fc.asyncProperty(notes, notes, notes, async (then, reviewed, later) => {
        const production = new LittleRows(reviewed);
        const text = await compare(new LittleRows(then), production, { operations: ALL });
        const first = await importText(production, text);
        production.notes = new Map(later);
        const second = await importText(production, text);
        expect(second.outcome).toEqual({ ...first.outcome, kind: 'already' });
        expect(production.notes).toEqual(later);
      }),
    );
  });
});
