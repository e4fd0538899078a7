import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { verifyChain } from '../shared/log/verify.ts';
import type { EventRecord } from '../shared/ports/store.ts';
import { KEPT, keptLogs, packed, summaryOf } from '../test/log/kept-log.ts';
import { isForged } from '../test/simulation/judged.ts';
import { simulate } from '../test/simulation/simulate.ts';

// `npm run keep-logs -- --seeds N --from SEED`: plays disasters and keeps, for the present version, the shortest log of each runbook that
// was carried through, and of each kind of event that those don't have. What is kept already stays as it is.

const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')));
const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '300' }, from: { type: 'string', default: '1' } },
});
const from = Number(values.from);

interface Found {
  readonly records: readonly EventRecord[];
  readonly bytes: number;
}

/** The shortest log for each name. */
const shortest = new Map<string, Found>();

for (let seed = from; seed < from + Number(values.seeds); seed += 1) {
  const run = await simulate(seed);
  for (const incident of run.incidents) {
    const { records, state } = incident;
    // A log that somebody else wrote into says nothing about what we write.
    if (isForged(run, incident) || verifyChain(records).kind !== 'sound') continue;
    const isCarriedThrough = state.phase.kind === 'resolved' && state.run?.startedAt !== undefined;
    const found = { records, bytes: JSON.stringify(records).length };
    for (const name of [
      ...(isCarriedThrough && state.run !== undefined ? [state.run.plan.runbook] : []),
      ...new Set(records.map(({ kind }) => `with-${kind}`)),
    ])
      if ((shortest.get(name)?.bytes ?? Number.POSITIVE_INFINITY) > found.bytes) shortest.set(name, found);
  }
  if (seed % 20 === 0) process.stderr.write(`seed ${seed}: ${shortest.size} names\n`);
}

const folder = join(KEPT, version);
mkdirSync(folder, { recursive: true });
const known = new Set(keptLogs().flatMap(({ records }) => records.map(({ kind }) => kind)));
const byRunbook = [...shortest].filter(([name]) => !name.startsWith('with-'));
for (const [name, { records }] of [...byRunbook, ...[...shortest].filter(([name]) => name.startsWith('with-'))]) {
  const kind = /^with-(.*)$/.exec(name)?.[1];
  if (kind !== undefined && known.has(kind)) continue;
  const file = join(folder, `${name}.ndjson.gz`);
  if (existsSync(file)) continue;
  for (const record of records) known.add(record.kind);
  writeFileSync(file, packed(records));
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(summaryOf(records), undefined, 2)}\n`);
  process.stdout.write(`${version}/${name}: ${records.length} events\n`);
}
