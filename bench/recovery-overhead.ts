import { parseArgs } from 'node:util';
import { REFERENCE } from '../sandbox/world/reference-system.ts';
import { after, type Instant, millis, showDuration } from '../shared/core/time.ts';
import { effects } from '../test/stories/judge.ts';
import { approveWhenAsked, onStage, type Stage } from '../test/stories/story.ts';

// How much longer a database failover takes than the cloud's own operations in it: the makespan from the start of the run to the
// last verified consumer, divided by the sum of what the simulated cloud itself took, step after step, as the committed section
// orders it. Goal: at most 1.10. `npm run bench -- recovery-overhead [--rate 5] [--runs 1]`.
//
// Operations are timed by the world: requests by its audit, Cloud SQL by its operations, pods and instances by when they were
// gone, ready or serving. Only the two ends of the makespan are the log's.

/** How closely pods and services are watched, clock milliseconds. */
const SAMPLE = millis(50);

/** One thing that the cloud did on the critical path. */
interface Leg {
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

/** What the world's workloads were seen to do, as moments of clock time. */
class Watched {
  readonly #stage: Stage;
  /** When the Deployment had that many ready pods, for each change. */
  readonly ready: { readonly at: Instant; readonly pods: number; readonly ready: number }[] = [];
  /** When the Cloud Run service changed between settled and not, and whether an instance of it served. */
  readonly service: { readonly at: Instant; readonly settled: boolean; readonly serving: boolean }[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#sample();
  }

  /** The first moment at or after `from` at which it held. */
  first<T extends { readonly at: Instant }>(seen: readonly T[], from: number, holds: (one: T) => boolean): number {
    // A state lasts until the next one is seen: what held at `from` already counts from there.
    const before = seen.findLast(({ at }) => at <= from);
    if (before !== undefined && holds(before)) return from;
    const found = seen.find((one) => one.at > from && holds(one));
    if (found === undefined) throw new Error('the story ended before that happened');
    return found.at;
  }

  #sample(): void {
    const { clock, world } = this.#stage.sandbox;
    const { namespace, api, region } = REFERENCE;
    const at = clock.now();
    const pods = world.kubernetes.store
      .list('Pod', namespace)
      .filter(({ metadata }) => metadata.name.startsWith(`${api}-`)).length;
    const ready = world.kubernetes.readyPods(namespace, api).length;
    const last = this.ready.at(-1);
    if (last?.pods !== pods || last.ready !== ready) this.ready.push({ at, pods, ready });
    const { settled } = world.run.service({ location: region, service: api });
    const instances = world.run.instances({ location: region, service: api });
    const serving = instances.some(({ application }) => application.state() === 'serving');
    const known = this.service.at(-1);
    if (known?.settled !== settled || known.serving !== serving) this.service.push({ at, settled, serving });
    clock.schedule(after(at, SAMPLE), () => this.#sample());
  }
}

/** What the cloud did, in the order of the committed section. */
function legs(stage: Stage, watched: Watched): readonly Leg[] {
  const [hold = 0, release = 0] = effects(stage, 'k8s.apps.deployments/scale.patch').map(({ at }) => at);
  const [holdRun = 0, releaseRun = 0] = effects(stage, 'run.services.update').map(({ at }) => at);
  const { operations } = stage.sandbox.world.sql.fleet;
  const operation = (type: string, target: string): Leg => {
    const found = operations
      .list(target)
      .findLast((one) => one.type === type && one.insertedAt >= stage.brokenAt && one.user?.startsWith('dr-'));
    return { what: `${type} of ${target}`, from: found?.insertedAt ?? 0, to: found?.endedAt ?? 0 };
  };
  const settled = (from: number): number => watched.first(watched.service, from + SAMPLE, (one) => one.settled);
  const opened = settled(releaseRun);
  const allServe = Math.max(
    watched.first(watched.ready, release, ({ pods, ready }) => pods === 3 && ready === 3),
    watched.first(watched.service, releaseRun, ({ serving }) => serving),
  );
  return [
    { what: 'pods end', from: hold, to: watched.first(watched.ready, hold, ({ pods }) => pods === 0) },
    { what: 'Cloud Run goes to zero', from: holdRun, to: settled(holdRun) },
    operation('UPDATE', 'coditect-dms-db'),
    operation('PROMOTE_REPLICA', 'coditect-dms-db-replica'),
    {
      what: 'the first pod starts',
      from: release,
      to: watched.first(watched.ready, release, ({ ready }) => ready > 0),
    },
    { what: 'Cloud Run comes back', from: releaseRun, to: opened },
    { what: 'the last consumer starts', from: opened, to: Math.max(opened, allServe) },
  ];
}

/** Plays the story once and answers the figures. */
async function measure(rate: number): Promise<{ readonly ratio: number; readonly text: string }> {
  let told: { readonly ratio: number; readonly text: string } | undefined;
  await onStage({ name: 'overhead', rate }, async (stage) => {
    const watched = new Watched(stage);
    stage.break('primary-database');
    await approveWhenAsked(stage);
    const { state } = await stage.settled();
    const started = state.run?.startedAt ?? Number.NaN;
    const verified = (state.run?.plan.steps ?? []).flatMap(({ id, stage: part }) => {
      const progress = state.run?.steps.get(id);
      return part === 'verify' && progress?.kind === 'done' ? [progress.at] : [];
    });
    told = report(started, Math.max(...verified), legs(stage, watched));
  });
  if (told === undefined) throw new Error('the story did not end');
  return told;
}

function report(
  started: number,
  verified: number,
  path: readonly Leg[],
): { readonly ratio: number; readonly text: string } {
  const own = path.reduce((sum, { from, to }) => sum + (to - from), 0);
  const ratio = (verified - started) / own;
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`.padStart(9);
  const rows = path.map(({ what, from, to }, index) => {
    const before = from - (path[index - 1]?.to ?? started);
    return `${seconds(before)} ${seconds(to - from)}  ${what}`;
  });
  return {
    ratio,
    text: [
      '   waited      took  of the critical path',
      ...rows,
      `${seconds(verified - (path.at(-1)?.to ?? started))}            until every consumer was verified`,
      `makespan ${showDuration(millis(verified - started))}, critical path ${showDuration(millis(own))}: ratio ${ratio.toFixed(3)} (goal: at most 1.10)`,
    ].join('\n'),
  };
}

/** Plays as many stories as asked for, one after the other. */
export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rate: { type: 'string', default: '5' }, runs: { type: 'string', default: '1' } },
  });
  const ratios: number[] = [];
  for (let run = 0; run < Number(values.runs); run += 1) {
    const { ratio, text } = await measure(Number(values.rate));
    ratios.push(ratio);
    console.log(`${text}\n`);
  }
  if (ratios.length > 1)
    console.log(
      `${ratios.length} runs at rate ${values.rate}: ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`,
    );
}
