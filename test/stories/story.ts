import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Document, parseDocument } from 'yaml';
import { decideByLinks, notices, type PagedNotice } from '../../cli/person.ts';
import {
  openForReading,
  type OpenedStore,
  type ReadIncident,
  readIncident,
  readIncidents,
} from '../../cli/read-incidents.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/host/sandbox.ts';
import { createChance } from '../../sandbox/world/chance.ts';
import type { Chance } from '../../sandbox/world/kernel.ts';
import {
  type Instant,
  instant,
  type Millis,
  millis,
  minutes,
  parseDuration,
  seconds,
  showDuration,
} from '../../shared/core/time.ts';
import { hasEnded } from '../../shared/incident/state.ts';
import type { IncidentId } from '../../shared/system/names.ts';
import { isPortError } from '../../shared/ports/port-error.ts';
import { timeline } from '../../shared/status/timeline.ts';

// A stage for stories: one sandbox with the real functions as processes, in a folder of its own, with people at their pagers. The
// log is followed only to know how far a story has come; what counts is judged from outside (judge.ts; decisions.md 24).
//
// `DR_STORY_SEED` moves the seeds of every story, `DR_STORY_RATE` the speed of its clock, `DR_STORY_ENGINES=google` puts them on
// Google's emulators, `DR_STORY_VERBOSE=1` prints timelines.

/** How a story begins. */
export interface Opening {
  /** What tells this story's chance from another's. */
  readonly name: string;
  /** How many times faster than the wall its clock runs, where a story needs a pace of its own. */
  readonly rate?: number;
  /** How many control regions run a copy of every function; one unless given. */
  readonly regions?: 1 | 2;
  /** What holds state and messages; the embedded engines unless given, or `DR_STORY_ENGINES`. */
  readonly engines?: 'embedded' | 'google';
  /** What executes SQL; the embedded engine unless given. */
  readonly postgres?: 'embedded' | 'local';
  /** How late and how often messages come, where the sandbox's own disorder is not wanted. */
  readonly disorder?: SandboxOptions['disorder'];
  /** Changes the reference `dr.yaml` before the sandbox starts. */
  readonly config?: (document: Document) => void;
}

/** Clock time that users work before anything breaks, so that there is something to lose. */
const CALM = minutes(1);

/** Longest that a story waits for one thing unless it says otherwise, clock time. */
const PATIENCE = minutes(45);

/** Incidents that are told of when a story goes wrong. */
const TOLD_MAX = 1_000;

/** Between two looks, wall milliseconds. */
const LOOK_MS = 100;

/** Longest that the judge waits for an emulator that a story keeps busy, wall time. */
const READ_MAX = minutes(2);

/** The seed of this round of the stories. */
export const SEED = Number(process.env['DR_STORY_SEED'] ?? 1);

const ENGINES = process.env['DR_STORY_ENGINES'] === 'google' ? 'google' : 'embedded';

const RATE = Number(process.env['DR_STORY_RATE'] ?? 20);

/** Plays a story on a stage of its own. What goes wrong is told with the timeline of every incident. */
export async function onStage(opening: Opening, play: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dr-story-'));
  const document = parseDocument(readFileSync('dr.yaml', 'utf8'));
  opening.config?.(document);
  const config = join(folder, 'wanted.yaml');
  writeFileSync(config, document.toString());
  const output: string[] = [];
  const sandbox = await startSandbox({
    directory: folder,
    config,
    rate: opening.rate ?? RATE,
    seed: SEED,
    regions: opening.regions ?? 1,
    engines: opening.engines ?? ENGINES,
    ...(opening.postgres === undefined ? {} : { postgres: opening.postgres }),
    ...(opening.disorder === undefined ? {} : { disorder: opening.disorder }),
    onLine: (name, { text }) => output.push(`${name}: ${text}`),
  });
  const stage = new Stage(sandbox, folder, output, createChance(`${opening.name}/${SEED}`));
  try {
    await stage.pass(CALM);
    await play(stage);
    if (process.env['DR_STORY_VERBOSE'] === '1') console.log(await stage.told());
  } catch (error) {
    if (error instanceof Error) error.message += `\n\n${await stage.told().catch((why) => `it can’t be told: ${why}`)}`;
    throw error;
  } finally {
    await stage.close();
    await sandbox.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A running sandbox and the people around it. */
export class Stage {
  readonly sandbox: Sandbox;
  readonly folder: string;
  /** Every line that a function wrote, with its name. */
  readonly output: readonly string[];
  /** This story's own chance. */
  readonly chance: Chance;
  /** Every notice that a pager has shown, oldest first. */
  readonly paged: PagedNotice[] = [];
  /** When the story began to break things. */
  brokenAt: Instant = instant(0);
  readonly #store: OpenedStore;
  readonly #acts: string[] = [];
  #closed = false;

  constructor(sandbox: Sandbox, folder: string, output: readonly string[], chance: Chance) {
    this.sandbox = sandbox;
    this.folder = folder;
    this.output = output;
    this.chance = chance;
    this.#store = openForReading(sandbox.facts.store, READ_MAX);
    void this.#listen();
  }

  now(): Instant {
    return this.sandbox.clock.now();
  }

  /** Lets clock time pass. */
  async pass(time: Millis): Promise<void> {
    await wait(this.sandbox.clock.toWall(time));
  }

  /** Notes what the story did, for whoever reads why it failed. */
  note(act: string): void {
    this.#acts.push(`${new Date(this.now()).toISOString()} ${act}`);
  }

  /** Breaks something; returns what it struck. */
  break(name: string, target?: string, variant?: string): string {
    if (this.brokenAt === 0) this.brokenAt = this.now();
    const fault = this.sandbox.world.disasters.break(name, target, variant);
    this.note(`break ${fault.name} ${fault.target} ${fault.variant ?? ''}`);
    return fault.target;
  }

  mend(name: string): void {
    this.sandbox.world.disasters.mend(name);
    this.note(`mend ${name}`);
  }

  /** Every incident, newest first. */
  async incidents(limit = 200): Promise<readonly ReadIncident[]> {
    return await readIncidents(this.#store, limit);
  }

  /** Messages that were recorded because nobody can read them. */
  async refused(limit = 1_000): Promise<number> {
    return (await this.#store.documents.list('refused/', limit)).length;
  }

  /** Whether every signal that was received has been given to an incident. */
  async isAbsorbed(): Promise<boolean> {
    return (await this.#store.log.waiting('unassigned', 1)).length === 0;
  }

  /** The newest incident, or the one of that name, which costs the same among many. */
  async incident(id?: IncidentId): Promise<ReadIncident> {
    if (id !== undefined) return await readIncident(id, this.#store);
    const [found] = await this.incidents();
    if (found === undefined) throw new Error('there is no such incident');
    return found;
  }

  /** What an incident kept, by what it is. */
  async evidence(incident: ReadIncident): Promise<ReadonlyMap<string, string>> {
    const kept = new Map<string, string>();
    for (const { what, digest } of incident.state.evidence) {
      const text = await this.#store.evidence.read(digest as Parameters<OpenedStore['evidence']['read']>[0]); // the log's digests are the store's
      if (text !== undefined) kept.set(what, text);
    }
    return kept;
  }

  /** Looks until there is an answer; a store that is too busy is asked again. Rejects when clock time `within` has passed without one. */
  async until<T>(
    what: string,
    ask: () => T | undefined | Promise<T | undefined>,
    within: Millis = PATIENCE,
  ): Promise<T> {
    const since = this.now();
    for (;;) {
      const answer = await unlessBusy(ask);
      if (answer !== undefined) return answer;
      if (this.now() - since > within) throw new Error(`not within ${showDuration(within)} of clock time: ${what}`);
      await wait(LOOK_MS);
    }
  }

  /** Waits until the newest of `count` incidents needs nobody any more: ended, landed, or with a person. */
  async settled(count = 1, within: Millis = PATIENCE): Promise<ReadIncident> {
    return await this.until(
      `${count} incidents, the newest of them settled`,
      async () => {
        const [newest, ...former] = await this.incidents();
        if (newest === undefined || former.length + 1 < count) return undefined;
        const { phase } = newest.state;
        return hasEnded(newest.state) || phase.kind === 'needsPerson' || phase.kind === 'takenOver'
          ? newest
          : undefined;
      },
      within,
    );
  }

  /** Waits until a pager shows a link that asks for an approval; `after` skips notices that were seen before. */
  async asked(person = 'oncall', skip = 0): Promise<PagedNotice & { readonly link: string }> {
    return await this.until(`${person} is asked`, () => {
      const notice = this.paged.slice(skip).find((known) => known.person === person && known.link !== undefined);
      return notice?.link === undefined ? undefined : { ...notice, link: notice.link };
    });
  }

  /** Opens the link and decides, as often as it takes until the page answers: a person reloads. */
  async decide(
    link: string | readonly string[],
    decision: 'approve' | 'deny',
  ): Promise<{ readonly status: number; readonly said: string }> {
    const answer = await this.until('the page answers', () =>
      decideByLinks([link].flat(), decision).catch(() => undefined),
    );
    this.note(`${decision}: ${answer.status} ${answer.said}`);
    return answer;
  }

  /** What a reader needs to understand a failed story. */
  async told(): Promise<string> {
    const incidents = await this.incidents(TOLD_MAX);
    const { audit } = this.sandbox.world.kernel;
    const effects = audit
      .entries()
      .filter(({ call, result }) => call.writes && result === 'effect' && !/^pubsub|login$/.test(call.permission))
      .map(({ at, call }) => `${this.#since(at)} ${call.principal.split('@')[0]} ${call.permission} ${call.resource}`);
    return [
      `seed ${SEED}; clock ${new Date(this.now()).toISOString()}; broken at ${new Date(this.brokenAt).toISOString()}`,
      ...this.#acts,
      ...incidents.toReversed().flatMap(({ state, events }) => [
        `--- ${state.id}: ${state.phase.kind}; measured ${JSON.stringify(state.measures)}`,
        ...timeline(
          events.filter(({ kind }) => kind !== 'noticeDelivered'),
          state,
        ).map((line) => `${this.#since(line.at)} ${line.text.slice(0, 300)}`),
      ]),
      '--- effects by the audit',
      ...effects,
      '--- pagers',
      ...this.paged.map(({ person, subject }) => `${person}: ${subject}`),
      '--- errors that functions wrote',
      ...this.output
        .filter((line) => /"severity":"(ERROR|CRITICAL)"|Error/.test(line))
        .slice(-40)
        .map((line) => line.slice(0, 600)),
    ].join('\n');
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#store.close();
  }

  #since(at: number): string {
    return `+${((at - this.brokenAt) / 1_000).toFixed(1)}s`;
  }

  /** Reads the pagers for as long as the story lasts. */
  async #listen(): Promise<void> {
    while (!this.#closed) {
      try {
        this.paged.push(...(await notices(this.sandbox.facts, this.paged.length)));
      } catch {
        return; // the sandbox has ended
      }
    }
  }
}

/** Reading time of a person, clock time. */
export const READING = seconds(30);

/** Approves the plan that the engineer on call is asked about, after a moment of reading. */
export async function approveWhenAsked(stage: Stage): Promise<void> {
  const { links } = await stage.asked();
  await stage.pass(READING);
  await stage.decide(links, 'approve');
}

/** The most that the page behind a link says can be lost, and how that is known, as a person reads it. */
export async function lossOnPage(
  link: string | readonly string[],
): Promise<{ readonly atMost: Millis; readonly how: string }> {
  const page = await opened([link].flat().map((url) => new URL(url).origin + new URL(url).pathname));
  const said = /<dt>What is lost<\/dt>\s*<dd>([^<]*)<\/dd>/.exec(page)?.[1] ?? '';
  const read = /at most ([\d]+(?:ms|s|m|h)(?: \d+[sm])?)[^(]*\((.*)\)/.exec(said);
  if (read?.[1] === undefined) throw new Error(`the page names no bound: ${said}`);
  const parts = read[1].split(' ').map((part) => parseDuration(part) ?? Number.NaN);
  return { atMost: millis(parts.reduce((sum: number, part) => sum + part, 0)), how: read[2] ?? '' };
}

/** An answer; none from a store that has no time for us just now. */
async function unlessBusy<T>(ask: () => T | undefined | Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (!isPortError(error) || error.kind !== 'retryable') throw error;
    return undefined;
  }
}

/** The page at the first of its addresses that answers. A person reloads while none does: a function may just have been killed. */
async function opened(addresses: readonly string[]): Promise<string> {
  const since = performance.now();
  for (;;) {
    try {
      return await Promise.any(addresses.map(async (address) => await (await fetch(address)).text()));
    } catch (error) {
      if (performance.now() - since > RELOADS_MS) throw error;
      await wait(LOOK_MS);
    }
  }
}

/** How long a person reloads a page that does not come, wall milliseconds: a function is back within seconds. */
const RELOADS_MS = 60_000;
