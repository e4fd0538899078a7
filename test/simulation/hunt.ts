import { parseArgs } from 'node:util';
import { drawPlot, subjectOf } from './draw-plot.ts';
import { violations } from './invariants.ts';
import { simulate } from './simulate.ts';

// `node test/simulation/hunt.ts --seeds N --from SEED [--about SUBJECT …]`: plays seeds one after the other on one thread and tells of
// each in a line of JSON. Whoever reads them stops it as soon as they have seen enough, and notices when a seed does not end. Seeds
// whose plot is about something else than what is asked for are told of as passed over.

const { values } = parseArgs({
  options: { seeds: { type: 'string' }, from: { type: 'string' }, about: { type: 'string', multiple: true } },
});
const [seeds, from] = [Number(values.seeds), Number(values.from)];

for (let seed = from; seed < from + seeds; seed += 1) {
  const plays = values.about === undefined || values.about.some((subject) => subject === subjectOf(drawPlot(seed)));
  console.log(JSON.stringify({ seed, plays, violations: plays ? violations(await simulate(seed)) : [] }));
}
