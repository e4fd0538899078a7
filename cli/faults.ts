import { z } from 'zod';
import type { Ending } from './config.ts';
import { table } from './paint.ts';
import { control, type Facts } from './sandbox-facts.ts';

const listWire = z.object({
  faults: z.record(z.string(), z.object({ does: z.string(), target: z.string(), variants: z.array(z.string()) })),
  active: z.array(z.object({ name: z.string(), target: z.string() })),
});
const activeWire = z.object({ name: z.string(), target: z.string(), variant: z.string().optional() });

/** `./dr break`: without a name, what can be broken. */
export async function breakCommand(
  facts: Facts,
  what: {
    readonly name: string | undefined;
    readonly target: string | undefined;
    readonly variant: string | undefined;
  },
  { json }: { readonly json: boolean },
): Promise<Ending> {
  if (what.name === undefined) {
    const list = listWire.parse(await control(facts, 'GET', '/faults'));
    if (json) return { exitCode: 0, stdout: `${JSON.stringify(list)}\n`, stderr: '' };
    const rows = Object.entries(list.faults).map(([name, fault]) => [
      name,
      fault.does,
      fault.variants.length === 0 ? '' : `(${fault.variants.join(' | ')})`,
    ]);
    const active =
      list.active.length === 0
        ? 'Nothing is broken.'
        : `Broken now: ${list.active.map((fault) => `${fault.name} (${fault.target})`).join(', ')}`;
    return { exitCode: 0, stdout: `${table(rows)}\n\n${active}\n`, stderr: '' };
  }
  const broken = activeWire.parse(await control(facts, 'POST', '/break', what));
  const text = `Broken: ${broken.name}, ${broken.target}${broken.variant === undefined ? '' : ` (${broken.variant})`}. Only the simulated world has changed; watch with ./dr incidents, mend with ./dr mend ${broken.name}.\n`;
  return { exitCode: 0, stdout: json ? `${JSON.stringify(broken)}\n` : text, stderr: '' };
}

/** `./dr mend`: without a name, everything. */
export async function mendCommand(
  facts: Facts,
  name: string | undefined,
  { json }: { readonly json: boolean },
): Promise<Ending> {
  const { mended } = z
    .object({ mended: z.array(z.string()) })
    .parse(await control(facts, 'POST', '/mend', name === undefined ? {} : { name }));
  const text = mended.length === 0 ? 'Nothing was broken.\n' : `Mended: ${mended.join(', ')}.\n`;
  return { exitCode: 0, stdout: json ? `${JSON.stringify({ mended })}\n` : text, stderr: '' };
}
