import { describeVerification, verifyChain, type Verification } from '../shared/log/verify.ts';
import type { Ending } from './config.ts';
import { logInFileStore, logInLines, type Unreadable } from './found-log.ts';

// `./dr verify`: judges a log offline. It reads, changes nothing, and needs neither the cloud nor the functions.

/** Where the log is: in a store, or in a file with what `show --json` printed. */
export type VerifySource =
  | { readonly kind: 'incident'; readonly incident: string; readonly storePath: string }
  | { readonly kind: 'file'; readonly path: string };

/** Ends with 0 when the log verifies, 1 when it is broken, 2 when there is no such log. `--json` prints one object. */
export async function verifyCommand(source: VerifySource, { json }: { readonly json: boolean }): Promise<Ending> {
  const found = source.kind === 'incident' ? await logInFileStore(source) : await logInLines(source.path);
  if (found.kind === 'missing') return { exitCode: 2, stdout: '', stderr: `dr verify: ${found.problem}\n` };
  const judged = found.kind === 'log' ? verifyChain(found.records, found.known) : found;
  const exitCode = judged.kind === 'sound' ? 0 : 1;
  const name = found.incident ?? 'the log';
  const stdout = json
    ? `${JSON.stringify({ ok: exitCode === 0, incident: found.incident ?? null, ...judged, message: sentence(judged) })}\n`
    : `${name}: ${sentence(judged)}\n${remarks(judged, source)}`;
  return { exitCode, stdout, stderr: '' };
}

function sentence(judged: Verification | Unreadable): string {
  if (judged.kind !== 'unreadable') return describeVerification(judged);
  return `broken at event ${judged.atSequence}: ${judged.what}`;
}

function remarks(judged: Verification | Unreadable, source: VerifySource): string {
  if (judged.kind !== 'sound') {
    return judged.atSequence > 1
      ? `Events 1 to ${judged.atSequence - 1} may be whole; nothing after them is proved.\n`
      : '';
  }
  const { upTo, anchoredTo } = judged;
  const lines = [
    anchoredTo < upTo
      ? `Events ${anchoredTo + 1} to ${upTo} rest on the chain alone: it shows accidents and partial edits, not a log that somebody wrote anew.`
      : undefined,
    source.kind === 'file' ? `A file can't say whether events followed event ${upTo}.` : undefined,
  ];
  return lines.map((line) => (line === undefined ? '' : `${line}\n`)).join('');
}
