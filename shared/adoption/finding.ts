// What a look at an installation finds, check by check, and how each thing is mended.

/** What is known of one thing after it was asked for: it, that it is not there, or that nobody could say. */
export type Reading<T> =
  | { readonly kind: 'read'; readonly value: T }
  | { readonly kind: 'absent' }
  /** `because`: the code of a `PortError`, such as `forbidden` or `timeout`. */
  | { readonly kind: 'unread'; readonly because: string };

/** Readings by the names of what was read. */
export type Readings<T> = Readonly<Record<string, Reading<T>>>;

/** One check and what came of it. */
export type Finding =
  | { readonly check: string; readonly verdict: 'fine'; readonly says: string }
  | {
      readonly check: string;
      readonly verdict: 'wrong' | 'unknown';
      readonly says: string;
      /** A command to paste, or the place at which it is mended. */
      readonly mend: string;
    };

/** A check that holds. */
export const fine = (check: string, says: string): Finding => ({ check, verdict: 'fine', says });

/** A check that does not hold. */
export const wrong = (check: string, says: string, mend: string): Finding => ({ check, verdict: 'wrong', says, mend });

/** Judges one thing that was asked for: what is absent is wrong, what could not be read is unknown, and never the one for the other. */
export function judge<T>(
  check: string,
  what: string,
  reading: Reading<T> | undefined,
  how: {
    readonly mend: string;
    readonly holds: (value: T) => readonly Finding[];
    /** Who could read it, where whoever asked may not and Google's viewers may not either. */
    readonly ask?: string;
    /** Where to look when nobody answers. */
    readonly silence?: string;
  },
): readonly Finding[] {
  if (reading === undefined) return [unread(check, what, 'nobody asked')];
  switch (reading.kind) {
    case 'read':
      return how.holds(reading.value);
    case 'absent':
      return [wrong(check, `${what} is not there`, how.mend)];
    case 'unread':
      return [unread(check, what, reading.because, how)];
  }
}

/** Several conditions of one thing: each that does not hold is a finding of its own, and all together make one that is fine. */
export function all(
  check: string,
  says: string,
  faults: readonly (readonly [holds: boolean, says: string, mend: string])[],
): readonly Finding[] {
  const found = faults.filter(([holds]) => !holds).map(([, what, mend]) => wrong(check, what, mend));
  return found.length === 0 ? [fine(check, says)] : found;
}

function unread(
  check: string,
  what: string,
  because: string,
  { ask, silence }: { readonly ask?: string; readonly silence?: string } = {},
): Finding {
  const known = because === 'forbidden' ? ask : SILENT.has(because) ? silence : undefined;
  const mend = known ?? howToRead(because);
  return { check, verdict: 'unknown', says: `${what} can’t be read (${because})`, mend };
}

/** Codes of a `PortError` that say nothing but that no answer came. */
const SILENT: ReadonlySet<string> = new Set(['timeout', 'unavailable', 'unreachable', 'connectionRefused']);

function howToRead(because: string): string {
  switch (because) {
    case 'forbidden':
      return 'let whoever asks read it (roles/viewer and roles/iam.securityReviewer on the project), or ask somebody who may: ./dr doctor';
    case 'credentials':
    case 'unauthenticated':
      return 'gcloud auth application-default login';
    default:
      return 'look again: ./dr doctor';
  }
}
