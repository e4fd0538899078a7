import { after, instant, type Instant, type Millis } from '../core/time.ts';
import { isCopyOf, LABELS } from '../ports/copy-labels.ts';
import { type CloneFacts, isReadable, type RestoredCopy } from './facts.ts';

/** What is there under a name that a clone may get. */
export type Clone =
  | { readonly kind: 'free'; readonly instance: CloneFacts['instance'] }
  | { readonly kind: 'unreadable'; readonly instance: CloneFacts['instance']; readonly because: string }
  | { readonly kind: 'foreign'; readonly instance: CloneFacts['instance']; readonly whose: string | undefined }
  | {
      readonly kind: 'ours';
      readonly instance: CloneFacts['instance'];
      readonly copy: RestoredCopy;
      /** The moment whose rows it holds. */
      readonly moment: Instant;
      /** It carries our labels: before that it is still being made. */
      readonly isMarked: boolean;
    };

/**
 * Whose it is: by its labels, or, where it carries none of this incident's yet, by what was written down before it was asked for.
 * Nothing of the call that makes a clone says whose it is.
 */
export function whoseClone(
  { instance, found, record, clonedAt }: CloneFacts,
  incident: string | undefined,
  skew: Millis,
): Clone {
  if (found === undefined) return { kind: 'free', instance };
  if (!isReadable(found)) return { kind: 'unreadable', instance, because: found.unreadable };
  const { labels } = found;
  const taken = labels[LABELS.takenAt];
  if (isCopyOf(labels, incident) && taken !== undefined && /^\d+$/.test(taken))
    return { kind: 'ours', instance, copy: found, moment: instant(Number(taken)), isMarked: true };
  if (record !== undefined && !isReadable(record))
    return { kind: 'unreadable', instance, because: `whose it is: ${record.unreadable}` };
  if (record?.incident === incident && record !== undefined) {
    if (clonedAt !== undefined && typeof clonedAt !== 'number')
      return { kind: 'unreadable', instance, because: `its operations: ${clonedAt.unreadable}` };
    if (clonedAt !== undefined && clonedAt >= after(record.recordedAt, -skew))
      return { kind: 'ours', instance, copy: found, moment: record.moment, isMarked: false };
  }
  return { kind: 'foreign', instance, whose: labels[LABELS.incident] };
}
