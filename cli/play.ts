import { setTimeout as wait } from 'node:timers/promises';
import { type Instant, millis, showDuration, toIso } from '../shared/core/time.ts';
import type { IncidentState } from '../shared/incident/state.ts';
import { tell, type TimelineLine } from '../shared/status/timeline.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import type { Sandbox } from '../sandbox/host/sandbox.ts';
import { operateCommand, publishCommand } from './commands.ts';
import { decideByLinks, notices, type PagedNotice } from './person.ts';
import { Follower, openForReading, sinceText } from './read-incidents.ts';
import type { Check, Story } from './story.ts';

/** What a story shows while it is played. */
export type StoryEvent =
  | { readonly kind: 'story'; readonly runbook: string; readonly title: string }
  | { readonly kind: 'broken'; readonly fault: string; readonly target: string; readonly at: string }
  | {
      readonly kind: 'line';
      readonly incident: string;
      readonly at: number;
      readonly since: string;
      readonly tone: TimelineLine['tone'];
      readonly text: string;
    }
  | { readonly kind: 'person'; readonly person: string; readonly text: string }
  | { readonly kind: 'check'; readonly check: Check }
  | { readonly kind: 'measured'; readonly measures: Readonly<Record<string, number | null>>; readonly wallMs: number }
  | { readonly kind: 'end'; readonly held: boolean };

/** Clock time that users work before something breaks, so that there is something to lose. */
const CALM_MS = 60_000;

/** Between two looks at the log, wall milliseconds. */
const LOOK_MS = 250;

/** Plays a story on a running sandbox: breaks, approves as a person would, follows, and verifies. Says whether all held. */
export async function play(story: Story, sandbox: Sandbox, show: (event: StoryEvent) => void): Promise<boolean> {
  const began = performance.now();
  const { clock, world, facts } = sandbox;
  const store = openForReading(facts.store);
  try {
    show({ kind: 'story', runbook: story.runbook, title: story.title });
    await wait(clock.toWall(CALM_MS));
    const follower = new Follower(store);
    await follower.next();
    const broken = await begin(story, sandbox, show);
    const person = attend(story, sandbox, show);
    const deadline = clock.now() + story.withinMs;
    let state: IncidentState | undefined;
    let passed = story.passesAfterMs === undefined;
    let accepted = false;
    const says = sayer(story, sandbox, show);
    const asksNext = nextAsker(story, sandbox, show);
    while (clock.now() < deadline && state === undefined) {
      if (!passed && clock.now() >= broken.since + (story.passesAfterMs ?? 0)) {
        if (story.fault !== undefined) world.disasters.mend(story.fault);
        passed = true;
      }
      for (const { incident, fresh } of await follower.next()) {
        for (const event of fresh) {
          const told =
            event.kind === 'stepWaiting' || event.kind === 'noticeDelivered' || event.kind === 'linkIssued'
              ? undefined
              : tell(event, incident.state);
          if (told !== undefined)
            show({
              kind: 'line',
              incident: incident.state.id,
              at: event.at,
              since: sinceText(broken.since, event.at),
              ...told,
            });
        }
        if (story.accepts !== undefined && !accepted && incident.state.phase.kind === 'held') {
          accepted = true;
          await accept(story.accepts, incident.state.id, sandbox, show);
        }
        if (isOver(incident.state, story)) state = incident.state;
        else await says(incident.state);
        await asksNext(incident.state);
      }
      await wait(LOOK_MS);
    }
    person.stop();
    if (state === undefined) {
      show({
        kind: 'check',
        check: {
          name: 'the incident is resolved',
          held: false,
          figure: `not within ${showDuration(millis(story.withinMs))} of clock time`,
        },
      });
      show({ kind: 'end', held: false });
      return false;
    }
    // Users get a moment on what was recovered, so that the load can say what they see.
    await wait(clock.toWall(10_000));
    const texts = await Promise.all(
      state.evidence.map(({ digest }) => store.evidence.read(digest as Parameters<typeof store.evidence.read>[0])),
    ); // digests in the log are those that the store gave
    const checks = await story.check(
      sandbox,
      state,
      loadSystem(facts.config),
      texts.flatMap((text) => text ?? []),
      broken.since,
    );
    if (state.measures !== undefined)
      show({ kind: 'measured', measures: state.measures, wallMs: Math.round(performance.now() - began) });
    for (const check of checks) show({ kind: 'check', check });
    const held = checks.every((check) => check.held);
    show({ kind: 'end', held });
    return held;
  } finally {
    await store.close();
  }
}

/** What makes the story begin: something breaks, or a person asks for the runbook by hand. */
async function begin(
  { fault, variant, asks, target, isolates = [], runbook, follows }: Story,
  { world, clock, facts }: Sandbox,
  show: (event: StoryEvent) => void,
): Promise<{ readonly since: Instant }> {
  const broken = fault === undefined ? undefined : world.disasters.break(fault, undefined, variant);
  if (broken !== undefined)
    show({ kind: 'broken', fault: broken.name, target: broken.target, at: toIso(broken.since) });
  if (broken !== undefined && asks === undefined) return broken;
  // Whoever reports what has happened has seen something of it before.
  if (broken !== undefined) await wait(clock.toWall(SEEN_MS));
  const since = broken?.since ?? clock.now();
  const asked = follows !== undefined && asks !== undefined ? follows : runbook;
  await ask({ runbook: asked, target, isolate: isolates, reason: asks ?? 'a drill' }, facts, show);
  return { since };
}

/** Asks for a runbook from a shell. */
async function ask(
  wish: {
    readonly runbook: string;
    readonly target: string | undefined;
    readonly isolate: readonly string[];
    readonly reason: string;
  },
  facts: Sandbox['facts'],
  show: (event: StoryEvent) => void,
): Promise<void> {
  await publishCommand(facts, { command: 'start', ...wish }, { json: true });
  const { runbook, target, isolate, reason } = wish;
  const options = [
    ...(target === undefined ? [] : [`--target ${target}`]),
    ...(isolate.length === 0 ? [] : [`--isolate ${isolate.join(' ')}`]),
    `--reason "${reason}"`,
  ];
  show({ kind: 'person', person: 'oncall', text: `./dr trigger ${runbook} ${options.join(' ')}` });
}

/** Once what comes first in the story is resolved, its person asks for what follows. */
function nextAsker(
  { runbook, follows, asksNext }: Story,
  { facts }: Sandbox,
  show: (event: StoryEvent) => void,
): (state: IncidentState) => Promise<void> {
  let asked = asksNext === undefined;
  return async ({ phase, run }) => {
    if (asked || asksNext === undefined || phase.kind !== 'resolved' || run?.plan.runbook !== follows) return;
    asked = true;
    await ask({ runbook, target: asksNext.target, isolate: [], reason: asksNext.asks }, facts, show);
  };
}

/** Opens a wall by name, as the person does who has read what it says. */
async function accept(
  wall: string,
  incident: string,
  { clock, facts }: Sandbox,
  show: (event: StoryEvent) => void,
): Promise<void> {
  await wait(clock.toWall(READING_MS));
  await operateCommand(facts, { verb: 'accept', incident, wall, reason: 'the region is lost' }, { json: true });
  show({ kind: 'person', person: 'oncall', text: `./dr accept ${incident} ${wall} --reason "the region is lost"` });
}

const isOver = (state: IncidentState, story: Story): boolean =>
  (state.phase.kind === 'resolved' ||
    state.phase.kind === 'dismissed' ||
    (state.phase.kind === 'needsPerson' && (state.run?.landing !== undefined || endsWithPeople(state, story)))) &&
  (state.run?.plan.runbook === story.runbook || (state.phase.kind !== 'dismissed' && !comesBefore(state, story)));

/** Whether an incident is one that comes before the story's own. */
const comesBefore = ({ run }: IncidentState, { follows, between = [] }: Story): boolean =>
  run?.plan.runbook === follows || between.some((runbook) => runbook === run?.plan.runbook);

/** A story that ends with people does so once its run has come to its last step. */
const endsWithPeople = (state: IncidentState, { ends }: Story): boolean =>
  ends === 'needsPerson' && [...(state.run?.steps.values() ?? [])].some(({ kind }) => kind === 'failed');

/** Whenever a run of the story has stopped with people, its person says the next that they have to say, signed in. */
function sayer(
  { runbook, says = [] }: Story,
  { facts }: Sandbox,
  show: (event: StoryEvent) => void,
): (state: IncidentState) => Promise<void> {
  const left = [...says];
  let saidOf: string | undefined;
  return async ({ id, phase, run }) => {
    const stopped = [...(run?.steps.values() ?? [])].some(({ kind }) => kind === 'failed');
    if (phase.kind !== 'needsPerson' || run?.plan.runbook !== runbook || !stopped || run.digest === saidOf) return;
    saidOf = run.digest;
    for (const wall of left.shift() ?? []) {
      const reason = 'we have looked at it';
      show({ kind: 'person', person: 'oncall', text: `./dr accept ${id} ${wall} --reason "${reason}"` });
      await operateCommand(facts, { verb: 'accept', incident: id, wall, reason }, { json: true });
    }
  };
}

/** A person with a pager: approves so many plans by their links, and does what steps ask for. */
function attend(story: Story, sandbox: Sandbox, show: (event: StoryEvent) => void): { stop(): void } {
  const approver = story.approver ?? 'oncall';
  let stopped = false;
  let left = story.approvals ?? 1;
  const answered = new Set<string>();
  const attendTo = async (notice: PagedNotice): Promise<void> => {
    const { person, subject, links, text } = notice;
    const [, incident, step] = /\.\/dr acknowledge (\S+) (\S+)/.exec(text) ?? [];
    if (incident !== undefined && step !== undefined && story.answers !== undefined) {
      if (answered.has(step)) return;
      answered.add(step);
      show({ kind: 'person', person, text: `is asked: ${subject}` });
      await wait(sandbox.clock.toWall(READING_MS));
      const reason = story.answers(sandbox, notice);
      await operateCommand(sandbox.facts, { verb: 'acknowledge', incident, step, reason }, { json: true });
      show({ kind: 'person', person, text: `./dr acknowledge ${incident} ${step} --reason "${reason}"` });
    } else if (person === approver && notice.link !== undefined && left > 0) {
      show({ kind: 'person', person, text: `is paged: ${subject}` });
      await wait(sandbox.clock.toWall(READING_MS));
      const { status, said } = await decideByLinks(links, 'approve');
      show({ kind: 'person', person, text: `opens the link, reads the plan and approves (${status}): ${said}` });
      if (status === 200) left -= 1;
    }
  };
  const run = async (): Promise<void> => {
    let after = sandbox.board.count();
    while (!stopped && (left > 0 || story.answers !== undefined)) {
      for (const notice of await notices(sandbox.facts, after)) {
        after = notice.number;
        if (!stopped) await attendTo(notice);
      }
    }
  };
  run().catch((error: unknown) => {
    if (!stopped) show({ kind: 'person', person: approver, text: `could not go on: ${String(error)}` });
  });
  return {
    stop: () => {
      stopped = true;
    },
  };
}

/** Clock time that a simulated person reads before deciding. */
const READING_MS = 30_000;

/** Clock time from what happens until somebody who has noticed it reports it. */
const SEEN_MS = 30_000;
