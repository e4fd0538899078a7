import { z } from 'zod';
import { failure } from '../engine/action.ts';
import { LABELS } from '../ports/copy-labels.ts';
import { instanceName } from '../system/names.ts';
import { define } from './define.ts';
import { whyForeign } from './make-copy.ts';
import { whyUnfenced } from './prove-fence.ts';
import { writeEpochRow } from './verify-epoch.ts';

/**
 * Makes a copy from a backup the primary: the moment from which consumers are pointed at it. Terminal: a second epoch row of the same
 * name changes nothing. The fence of the old primary, and which backup is in the copy, are looked at again right before it, as for a
 * promotion: neither is taken from the log.
 */
export const adoptCopy = define({
  kind: 'adopt-copy',
  risk: 'destructive',
  repeat: 'terminal',
  input: z.strictObject({
    copy: z.string().transform(instanceName),
    former: z.string().transform(instanceName),
    epoch: z.string(),
    backup: z.string(),
  }),
  version: z.null(),
  handle: z.null(),
  observe: async ({ copy, backup }, context) => {
    const labels = await context.world.backups.labels(copy);
    const foreign = whyForeign(copy, labels ?? {}, context);
    if (foreign !== undefined) return { kind: 'refused', failure: foreign };
    const held = labels?.[LABELS.backup];
    if (held !== backup) {
      const detail = `${copy} holds backup ${held ?? 'unknown'}, and ${backup} was approved`;
      return { kind: 'refused', failure: failure('voided', 'anotherBackup', detail) };
    }
    const unfenced = await whyUnfenced(context);
    return unfenced === undefined ? { kind: 'toDo', version: null } : { kind: 'refused', failure: unfenced };
  },
  start: ({ copy, former, epoch }, _version, context) => writeEpochRow({ instance: copy, former, epoch }, context),
  poll: (_handle, { copy, former, epoch }, context) => writeEpochRow({ instance: copy, former, epoch }, context),
  verify: async ({ copy }, { world }) => ({
    ok: (await world.databases.inspect(copy)).role === 'primary',
    detail: `${copy} is the primary`,
  }),
});
