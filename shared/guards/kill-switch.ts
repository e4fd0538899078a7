import { z } from 'zod';
import { instant, toIso } from '../core/time.ts';
import type { GuardBlock } from '../plan/plan.ts';
import { isPortError } from '../ports/port-error.ts';
import type { DocumentStore } from '../ports/store.ts';

/** The document of the kill switch; everybody may switch it on, only an authenticated person off. */
export const KILL_SWITCH_KEY = 'control/stop';

/** The kill switch as it was last set, or `unknown` when that can't be read: then nothing starts (design.md section 6). */
export type KillSwitch =
  | { readonly kind: 'off' }
  | { readonly kind: 'on'; readonly by: string; readonly reason: string; readonly atMs: number }
  | { readonly kind: 'unknown'; readonly because: string };

const wire = z.strictObject({ on: z.boolean(), by: z.string(), reason: z.string(), atMs: z.number() });

/** Reads the switch. No document means that nobody ever pressed it. */
export async function readKillSwitch(documents: DocumentStore): Promise<KillSwitch> {
  try {
    const found = await documents.get(KILL_SWITCH_KEY);
    return found === undefined ? { kind: 'off' } : parseKillSwitch(found.value);
  } catch (error) {
    if (!isPortError(error)) throw error;
    return { kind: 'unknown', because: `its document can't be read (${error.code})` };
  }
}

/** What a stored document says; one that can't be understood is as bad as one that can't be read. */
export function parseKillSwitch(value: unknown): KillSwitch {
  const read = wire.safeParse(value);
  if (!read.success) return { kind: 'unknown', because: "its document can't be understood" };
  const { on, by, reason, atMs } = read.data;
  return on ? { kind: 'on', by, reason, atMs } : { kind: 'off' };
}

/** A wall: while somebody has pressed the switch, or nobody knows whether, nothing starts. */
export function killSwitchGuard(found: KillSwitch): GuardBlock | undefined {
  if (found.kind === 'off') return undefined;
  const block = { guard: 'killSwitch', kind: 'wall', limit: 'off', clearsAtMs: null, openedBy: 'dr release' } as const;
  if (found.kind === 'unknown') return { ...block, code: 'killSwitchUnknown', observed: found.because };
  const since = toIso(instant(found.atMs));
  return { ...block, code: 'killSwitch', observed: `on since ${since} by ${found.by}: ${found.reason}` };
}
