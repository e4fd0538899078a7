import { parseArgs } from 'node:util';
import { violations } from './invariants.ts';
import { simulate } from './simulate.ts';

// `node test/simulation/hunt.ts --seeds N --from SEED`: plays seeds one after the other on one thread and tells of each in a line
// of JSON. Whoever reads them stops it as soon as they have seen enough, and notices when a seed does not end.

const { values } = parseArgs({ options: { seeds: { type: 'string' }, from: { type: 'string' } } });
const [seeds, from] = [Number(values.seeds), Number(values.from)];

for (let seed = from; seed < from + seeds; seed += 1)
  console.log(JSON.stringify({ seed, violations: violations(await simulate(seed)) }));
