import { unreachable } from '../shared/core/assert.ts';
import { ASSUMPTIONS } from '../sandbox/world/assumptions.ts';
import { EXPERIMENTS, NOT_PROVABLE, type Provable, type Verdict } from '../shared/adoption/conform.ts';
import type { Left } from '../shared/adoption/conform-clean.ts';
import { type ConformPlan, PRICES_FROM } from '../shared/adoption/conform-plan.ts';
import type { FoundThing } from '../shared/ports/throwaways.ts';
import type { AssumptionName, Judged } from './conform.ts';
import { paint } from './paint.ts';

// What `./dr conform` says: before it makes anything, and of what it saw.

const isProvable = (id: string): id is Provable => Object.hasOwn(EXPERIMENTS, id);
const isNotProvable = (id: string): id is keyof typeof NOT_PROVABLE => Object.hasOwn(NOT_PROVABLE, id);

const dollars = (amount: number): string => amount.toFixed(2);
const total = ({ cost }: ConformPlan): number => cost.reduce((sum, line) => sum + line.dollars, 0);

/** Of what kind it is, where, and under what name. */
function made({ instances, service }: ConformPlan): readonly string[] {
  return [
    ...instances.map(
      ({ name, region, databaseVersion, tier, availability, primary }) =>
        `${primary === undefined ? 'instance' : 'replica '}  ${name}  ${databaseVersion}, ${tier}, ${availability}, 10 GiB, ${region}; nobody is let in`,
    ),
    ...(service === undefined
      ? []
      : [`service   ${service.name}  ${service.image}, at most 2 instances, ${service.region}; open to everybody`]),
  ];
}

/** What would be made, proved and paid. */
export function showPlan(
  plan: ConformPlan,
  asked: readonly AssumptionName[],
  leftBehind: readonly FoundThing[],
  project: string,
): string {
  const proved = plan.proves.flatMap((id, index) => [
    `  ${index + 1}. ${id}: ${ASSUMPTIONS[id].statement}`,
    ...EXPERIMENTS[id].steps.map((step) => `     - ${step}`),
  ]);
  const others = asked.filter(isNotProvable).map((id) => `  ${id}: ${NOT_PROVABLE[id]}`);
  const cost = plan.cost.map((line) => `  ${line.what}: ${line.arithmetic} = ${dollars(line.dollars)}`);
  return [
    `Nothing was changed. With --yes ./dr conform makes in ${project}, labelled dr-conform=${plan.run} (another id in each run):`,
    ...indented(made(plan), 'nothing'),
    '',
    'It proves, by these calls in this order:',
    ...(proved.length === 0 ? ['  nothing'] : proved),
    '',
    `Then it deletes all of it, whatever happened. Estimates: ${plan.minutes} minutes, ${dollars(total(plan))} US dollars (${PRICES_FROM}):`,
    ...indented([], cost.length === 0 ? 'nothing' : ''),
    ...cost,
    ...(others.length === 0 ? [] : ['', 'Not proved by this command:', ...others]),
    ...(leftBehind.length === 0 ? [] : ['', ...leftFrom(leftBehind), 'Delete it with ./dr conform --clean --yes.']),
    '',
  ]
    .filter((line) => line !== '  ')
    .join('\n');
}

const indented = (lines: readonly string[], none: string): readonly string[] =>
  (lines.length === 0 ? [none] : lines).map((line) => `  ${line}`);

const leftFrom = (things: readonly FoundThing[]): readonly string[] => [
  'Left behind by other runs, or of one that is going on:',
  ...things.map(({ kind, name, region, run }) => `  ${kind} ${name} in ${region} (run ${run ?? ''})`),
];

/** The same for programs. */
export function planAsJson(
  plan: ConformPlan,
  asked: readonly AssumptionName[],
  leftBehind: readonly FoundThing[],
): string {
  const { run, instances, service, minutes, cost } = plan;
  const proves = plan.proves.map((id) => ({ id, statement: ASSUMPTIONS[id].statement, steps: EXPERIMENTS[id].steps }));
  const notProved = asked.filter(isNotProvable).map((id) => ({ id, because: NOT_PROVABLE[id] }));
  const said = { ok: true, changed: false, run, instances, service, proves, notProved, minutes };
  return `${JSON.stringify({ ...said, cost: { dollars: total(plan), lines: cost }, leftBehind })}\n`;
}

/** What a run came to. */
export function showVerdicts(said: {
  readonly judged: readonly Judged[];
  readonly left: Left;
  readonly plan: ConformPlan;
  readonly project: string;
  readonly json: boolean;
}): string {
  const { judged, left, plan, project, json } = said;
  const isClean = left.kind === 'known' && left.things.length === 0;
  if (json) {
    const verdicts = judged.map(({ id, verdict }) => ({ id, ...ASSUMPTIONS[id], ...verdict }));
    const ok = isClean && judged.every(({ id, verdict }) => verdict.kind === 'holds' || !isProvable(id));
    return `${JSON.stringify({ ok, run: plan.run, verdicts, left })}\n`;
  }
  return [
    ...judged.flatMap(({ id, verdict }) => verdictLines(id, verdict)),
    '',
    isClean ? 'Everything that was made is deleted.' : commandsFor(left, plan, project),
    '',
  ].join('\n');
}

function verdictLines(id: AssumptionName, verdict: Verdict): readonly string[] {
  const { statement, ifFalse } = ASSUMPTIONS[id];
  switch (verdict.kind) {
    case 'holds':
      return [`${paint('good', 'holds        ')}  ${id}: ${statement}`, `               seen: ${verdict.seen}`];
    case 'doesNotHold':
      return [
        `${paint('bad', 'DOES NOT HOLD')}  ${id}: ${statement}`,
        `               seen: ${verdict.seen}`,
        `               so: ${ifFalse}`,
      ];
    case 'notProved':
      return [`${paint('person', 'not proved   ')}  ${id}: ${statement}`, `               because: ${verdict.because}`];
    default:
      return unreachable(verdict);
  }
}

/** How a person deletes what is left; where not even a list could be had, everything that was planned. */
export function commandsFor(left: Left, plan: ConformPlan, project: string): string {
  const things = left.kind === 'known' ? left.things : planned(plan);
  const because = left.kind === 'known' ? '' : ` (nobody could list it: ${left.because})`;
  return [
    `NOT DELETED${because}, and it costs money until it is:`,
    ...things.map((one) => commandOf(one, project)),
  ].join('\n');
}

type Thing = Pick<FoundThing, 'kind' | 'name' | 'region'>;

/** Replicas first: a primary that has one is not deleted. */
function planned({ instances, service }: ConformPlan): readonly Thing[] {
  const databases = instances.map(({ name, region }): Thing => ({ kind: 'instance', name, region }));
  return [
    ...databases.toReversed(),
    ...(service === undefined ? [] : [{ kind: 'service' as const, name: service.name, region: service.region }]),
  ];
}

const commandOf = ({ kind, name, region }: Thing, project: string): string =>
  kind === 'instance'
    ? `  gcloud sql instances delete ${name} --project ${project}`
    : `  gcloud run services delete ${name} --region ${region} --project ${project}`;

/** What earlier runs left behind, and what became of it. */
export function showThings(said: {
  readonly leftBehind: readonly FoundThing[];
  readonly left: Left;
  readonly yes: boolean;
  readonly json: boolean;
  readonly project: string;
}): string {
  const { leftBehind, left, yes, json, project } = said;
  const isClean = left.kind === 'known' && left.things.length === 0;
  if (json) return `${JSON.stringify({ ok: isClean, changed: yes && leftBehind.length > 0, leftBehind, left })}\n`;
  if (leftBehind.length === 0) return 'No earlier run has left anything behind.\n';
  const things = leftFrom(leftBehind);
  if (!yes) return [...things, 'Nothing was changed: --clean --yes deletes it.', ''].join('\n');
  if (isClean) return [...things, 'All of it is deleted.', ''].join('\n');
  const remains = left.kind === 'known' ? left.things : leftBehind;
  return [...things, 'NOT DELETED:', ...remains.map((one) => commandOf(one, project)), ''].join('\n');
}
