import { setTimeout as wait } from 'node:timers/promises';
import { type Instant, millis, showDuration, toIso } from '../shared/core/time.ts';
import type { IncidentState } from '../shared/incident/state.ts';
import { tell, type TimelineLine } from '../shared/status/timeline.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import type { Sandbox } from '../sandbox/host/sandbox.ts';
import { publishCommand } from './commands.ts';
import { decideByLinks, notices } from './person.ts';
import { Follower, openForReading, sinceText } from './read-incidents.ts';
import type { Check, Story } from './stories.ts';

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
    const person = approve(story.approvals ?? 1, sandbox, show);
    const deadline = clock.now() + story.withinMs;
    let state: IncidentState | undefined;
    let passed = story.passesAfterMs === undefined;
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
        if (isOver(incident.state, story)) state = incident.state;
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
    const checks = story.check(
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
  { fault, asks, runbook }: Story,
  { world, clock, facts }: Sandbox,
  show: (event: StoryEvent) => void,
): Promise<{ readonly since: Instant }> {
  if (fault !== undefined) {
    const broken = world.disasters.break(fault);
    show({ kind: 'broken', fault: broken.name, target: broken.target, at: toIso(broken.since) });
    return broken;
  }
  const since = clock.now();
  const reason = asks ?? 'a drill';
  await publishCommand(facts, { command: 'start', runbook, target: undefined, reason }, { json: true });
  show({ kind: 'person', person: 'oncall', text: `./dr trigger ${runbook} --reason "${reason}"` });
  return { since };
}

const isOver = (state: IncidentState, story: Story): boolean =>
  (state.phase.kind === 'resolved' ||
    state.phase.kind === 'dismissed' ||
    (state.phase.kind === 'needsPerson' && (state.run?.landing !== undefined || endsWithPeople(state, story)))) &&
  (state.run?.plan.runbook === story.runbook ||
    (state.phase.kind !== 'dismissed' && state.run?.plan.runbook !== story.follows));

/** A story that ends with people does so once its run has come to its last step. */
const endsWithPeople = (state: IncidentState, { ends }: Story): boolean =>
  ends === 'needsPerson' && [...(state.run?.steps.values() ?? [])].some(({ kind }) => kind === 'failed');

/** Waits for so many pages that ask the engineer on call, and approves each by its link. */
function approve(times: number, sandbox: Sandbox, show: (event: StoryEvent) => void): { stop(): void } {
  let stopped = false;
  const run = async (): Promise<void> => {
    let after = sandbox.board.count();
    let left = times;
    while (!stopped) {
      for (const notice of await notices(sandbox.facts, after)) {
        after = notice.number;
        if (notice.person !== 'oncall' || notice.link === undefined || stopped) continue;
        show({ kind: 'person', person: notice.person, text: `is paged: ${notice.subject}` });
        await wait(sandbox.clock.toWall(READING_MS));
        const { status, said } = await decideByLinks(notice.links, 'approve');
        show({
          kind: 'person',
          person: notice.person,
          text: `opens the link, reads the plan and approves (${status}): ${said}`,
        });
        if (status === 200) left -= 1;
        if (left === 0) stopped = true;
      }
    }
  };
  run().catch((error: unknown) => {
    if (!stopped) show({ kind: 'person', person: 'oncall', text: `could not approve: ${String(error)}` });
  });
  return {
    stop: () => {
      stopped = true;
    },
  };
}

/** Clock time that the simulated engineer reads before deciding. */
const READING_MS = 30_000;
