import { z } from 'zod';
import { sha256 } from '../core/digest.ts';
import { type Millis, millis, showDuration } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import type { Retention } from '../ports/evidence-vault.ts';
import { define } from './define.ts';

// Puts everything that is kept of this incident into a bucket from which nobody can take it (runbook 7.2, corrected: before anything is
// changed, not afterwards).
//
// E1. A name carries the digest of its content, and is created only: a repeat finds it there, and nobody can put something else under it.
// E2. A manifest names every piece with the generation that the bucket gave it. Its own digest and generation stand in the log, so that
//     what is in the bucket can be told from what somebody put there since.
// E3. A bucket whose retention is not locked, or too short, is used all the same, and said: the lock is for its owners to set.

const input = z.strictObject({ bucket: z.string(), leastMs: z.number() });
const handle = z.strictObject({ sealed: z.number().int() });

/** Pieces of one turn: between two turns the lease is renewed. */
const TURN = 10;

/** Puts the pieces into the bucket, and a manifest after them. */
export const sealEvidence = define({
  kind: 'seal-evidence',
  risk: 'observe',
  repeat: 'named',
  input,
  version: z.null(),
  handle,
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async () => ({ kind: 'running', handle: { sealed: 0 }, detail: 'sealing', again: millis(1) }),
  poll: async ({ sealed }, { bucket, leastMs }, context): Promise<Progress> => {
    const pieces = piecesOf(context);
    for (const piece of pieces.slice(sealed, sealed + TURN)) {
      const text = await context.kept(piece.digest);
      if (text === undefined)
        return { kind: 'failed', failure: failure('permanent', 'evidenceGone', `${piece.what} is not in our store`) };
      await context.stillOurs();
      await context.world.vault.seal(bucket, piece.name, text);
    }
    const done = Math.min(sealed + TURN, pieces.length);
    if (done < pieces.length)
      return {
        kind: 'running',
        handle: { sealed: done },
        detail: `${done} of ${pieces.length} pieces are in ${bucket}`,
        again: millis(1),
      };
    const manifest = await manifestOf(bucket, pieces, context);
    if ('kind' in manifest) return { kind: 'failed', failure: manifest };
    await context.stillOurs();
    await context.world.vault.seal(bucket, manifest.name, manifest.text);
    const [found] = (await context.world.vault.sealed(bucket, manifest.name)).filter(
      ({ name }) => name === manifest.name,
    );
    if (found === undefined)
      return { kind: 'failed', failure: failure('notVerified', 'notSealed', `${manifest.name} is not in ${bucket}`) };
    const retention = await context.world.vault.retention(bucket);
    const lacks = lackOf(retention, leastMs);
    return {
      kind: 'done',
      detail: `${pieces.length} pieces are in ${bucket}, by manifest ${manifest.name} (generation ${found.generation}), ${lacks ?? showRetention(retention)}`,
      output: {
        bucket,
        pieces: pieces.length,
        manifest: manifest.name,
        generation: found.generation,
        sha256: manifest.digest,
        locked: retention.locked,
      },
    };
  },
  verify: async () => ({ ok: true, detail: '' }),
});

/** What a bucket lacks of keeping evidence, in words for people; `undefined` for one that keeps it as it should. */
export function lackOf({ seconds, locked }: Retention, leastMs: number): string | undefined {
  if (seconds === null) return 'which has no retention policy: whoever may delete there can delete it';
  const lasts = millis(seconds * 1_000);
  if (lasts < leastMs)
    return `which keeps it for ${showDays(lasts)} only, less than the ${showDays(millis(leastMs))} that are wanted`;
  return locked ? undefined : 'whose retention policy is not locked: an owner of the bucket can take it away';
}

const showRetention = ({ seconds }: Retention): string => `locked, for ${showDays(millis((seconds ?? 0) * 1_000))}`;

const DAY_MS = 86_400_000;

const showDays = (length: Millis): string =>
  length < 2 * DAY_MS ? showDuration(length) : `${Math.floor(length / DAY_MS)} days`;

interface Piece {
  readonly what: string;
  readonly digest: string;
  readonly name: string;
}

/** E1. */
const piecesOf = ({ state: { id, evidence } }: ActionContext): readonly Piece[] =>
  [...new Map(evidence.map((piece) => [piece.digest, piece])).values()].map(({ what, digest }) => ({
    what,
    digest,
    name: `${id}/${digest}.txt`,
  }));

/** E2. From what the bucket says, not from what was sent. */
async function manifestOf(bucket: string, pieces: readonly Piece[], { world, state }: ActionContext) {
  const there = new Map((await world.vault.sealed(bucket, `${state.id}/`)).map((object) => [object.name, object]));
  const lost = pieces.find(({ name }) => !there.has(name));
  if (lost !== undefined) return failure('notVerified', 'notSealed', `${lost.what} is not in ${bucket}`);
  const listed = pieces.map(({ what, digest, name }) => {
    const object = there.get(name);
    return {
      what,
      sha256: digest,
      name,
      generation: object?.generation,
      bytes: object?.bytes,
      crc32c: object?.crc32c,
    };
  });
  const text = `${JSON.stringify({ version: 1, incident: state.id, bucket, pieces: listed }, null, 1)}\n`;
  const digest = sha256(text);
  return { name: `${state.id}/manifest-${digest}.json`, text, digest };
}
