import { after, type Instant, showDuration, between, toIso } from '../core/time.ts';
import type { ChangeHistory } from '../ports/contents.ts';
import type { RecoverySettings } from '../system/system.ts';
import { isReadable, type RecoveryFacts, type Unreadable } from './facts.ts';

// Which moment rows are brought back from, and who may have spoilt them. Pure, and steady while people decide: nothing here moves with
// the time of a look.

/** A writer that changed or deleted rows, with what it did. */
export interface Suspect {
  readonly user: string;
  readonly application: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** Commits of the first and the last change or deletion. */
  readonly firstAt: Instant;
  readonly lastAt: Instant;
}

/** How our own sessions call themselves: what they bring back stands in the timeline, and is nobody's damage. */
const OWN = 'dr-autopilot';

/** Writers that changed or deleted rows, those of most rows first: inserting alone spoils nothing that was there. */
export function suspectsIn({ changes }: Pick<ChangeHistory, 'changes'>): readonly Suspect[] {
  const found = new Map<string, Suspect>();
  for (const { user, application, inserted, updated, deleted, firstAt, lastAt } of changes) {
    if (updated + deleted === 0 || application === OWN) continue;
    const key = JSON.stringify([user, application]);
    const known = found.get(key);
    found.set(key, {
      user,
      application,
      inserted: inserted + (known?.inserted ?? 0),
      updated: updated + (known?.updated ?? 0),
      deleted: deleted + (known?.deleted ?? 0),
      firstAt: known !== undefined && known.firstAt < firstAt ? known.firstAt : firstAt,
      lastAt: known !== undefined && known.lastAt > lastAt ? known.lastAt : lastAt,
    });
  }
  return [...found.values()].toSorted((a, b) => b.updated + b.deleted - (a.updated + a.deleted));
}

/** The moment, and how it came about; or why there is none now. */
export type MomentChoice =
  | { readonly kind: 'moment'; readonly moment: Instant; readonly because: string }
  /** What was archived does not reach it yet: it will within minutes. */
  | { readonly kind: 'notYet'; readonly because: string }
  /** What is kept no longer reaches it. */
  | { readonly kind: 'gone'; readonly because: string }
  | { readonly kind: 'unknown'; readonly because: string };

/** The smallest step of our clocks: a commit in the same millisecond may be on either side. */
const JUST_BEFORE = -1;

/** Chooses the moment: as people named it, else just before the worst suspect's first change, else as far back as dr.yaml says. */
export function chooseMoment(
  facts: Pick<RecoveryFacts, 'named' | 'askedAt' | 'window' | 'history'>,
  { lookBack }: Pick<RecoverySettings, 'lookBack'>,
): MomentChoice {
  const { moment, because } = wanted(facts, lookBack);
  return judgeMoment(moment, because, facts.window);
}

/** Whether a moment can be recovered to. `because`: how it came about. */
export function judgeMoment(moment: Instant, because: string, window: RecoveryFacts['window']): MomentChoice {
  if (!isReadable(window))
    return {
      kind: 'unknown',
      because: `to which moments it can be recovered can’t be read (${window.unreadable})`,
    };
  const reach = `it can be recovered from ${toIso(window.earliest)} to ${toIso(window.latest)}`;
  if (moment > window.latest) return { kind: 'notYet', because: `${toIso(moment)} is not archived yet: ${reach}` };
  if (moment < window.earliest) return { kind: 'gone', because: `${toIso(moment)} is no longer kept: ${reach}` };
  return { kind: 'moment', moment, because: `${because}; ${reach}` };
}

/** A moment that people named, in their words. */
export const namedByPeople = (named: Instant): string => `a person named ${toIso(named)}`;

function wanted(
  { named, askedAt, history }: Pick<RecoveryFacts, 'named' | 'askedAt' | 'history'>,
  lookBack: RecoverySettings['lookBack'],
): { readonly moment: Instant; readonly because: string } {
  if (named !== undefined) return { moment: named, because: namedByPeople(named) };
  const suspect = worstIn(history);
  if (suspect !== undefined)
    return {
      moment: after(suspect.firstAt, JUST_BEFORE),
      because: `nobody named a moment; ${suspect.application} (${suspect.user}) first changed rows at ${toIso(suspect.firstAt)}, and this is just before`,
    };
  return {
    moment: after(askedAt, -lookBack),
    because: `nobody named a moment, and no writer changed or deleted a row; this is ${showDuration(lookBack)} before it was asked for`,
  };
}

const worstIn = (history: ChangeHistory | Unreadable): Suspect | undefined =>
  isReadable(history) ? suspectsIn(history)[0] : undefined;

/** How lately a suspect must have written to count as still at work. */
const STILL_AT_IT = 120_000;

/** What was done, for people: each suspect with its figures, and whether it goes on. */
export function showSuspect({ user, application, updated, deleted, firstAt, lastAt }: Suspect, now: Instant): string {
  const did = [
    ...(updated > 0 ? [`changed ${updated} rows`] : []),
    ...(deleted > 0 ? [`deleted ${deleted} rows`] : []),
  ];
  const until = between(lastAt, now) < STILL_AT_IT ? 'and may still be at it' : `the last at ${toIso(lastAt)}`;
  return `${application} (${user}) ${did.join(' and ')} since ${toIso(firstAt)}, ${until}`;
}

/** Minutes that are told at the most: those in which rows were changed or deleted, and of them the first. */
const MINUTES_MAX = 12;

/** The timeline, a line for each minute, table and writer that changed or deleted rows. */
export function timelineOf({ changes }: Pick<ChangeHistory, 'changes'>): readonly string[] {
  const told = changes.filter(({ updated, deleted }) => updated + deleted > 0);
  const lines = told.slice(0, MINUTES_MAX).map(({ minute, table, application, user, inserted, updated, deleted }) => {
    const did = Object.entries({ inserted, updated, deleted }).flatMap(([what, rows]) =>
      rows > 0 ? [`${rows} ${what}`] : [],
    );
    return `${toIso(minute).slice(0, 16)} ${table}: ${did.join(', ')} by ${application} (${user})`;
  });
  const rest = told.length - lines.length;
  return rest > 0 ? [...lines, `and ${rest} more lines in the evidence`] : lines;
}
