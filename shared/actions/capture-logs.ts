import { z } from 'zod';
import { redact } from '../core/redact.ts';
import { after, toIso } from '../core/time.ts';
import { define, verifiedByPolling } from './define.ts';

/** Entries of one application at the most: the newest ones, ten pages of them. */
const ENTRIES_MAX = 10_000;

/** Characters of one piece: redacted, each of them may take three bytes, and a store takes 1,000,000 of them. */
const PIECE_MAX = 300_000;

/** Keeps what Cloud Logging has of an application from before the report until now, redacted, as evidence. */
export const captureLogs = define({
  kind: 'capture-logs',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({ application: z.string(), backMs: z.number().positive() }),
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ application, backMs }, _version, context) => {
    const { state, clock, world } = context;
    const from = after(state.openedAt, -backMs);
    const { entries, more } = await world.logArchive.entries(application, from, clock.now(), ENTRIES_MAX);
    const lines = entries.map(({ at, severity, source, text }) => `${toIso(at)} ${severity} ${source} ${text}`);
    const pieces = piecesOf(redact(lines.join('\n')));
    for (const [index, piece] of pieces.entries())
      await context.keep(`logs of ${application}, part ${index + 1} of ${pieces.length}`, piece);
    const rest = more ? `; there are more than ${ENTRIES_MAX}, and the oldest are missing` : '';
    return {
      kind: 'done',
      detail: `kept ${entries.length} log entries of ${application} since ${toIso(from)}${rest}`,
    };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'keeping logs' }),
  verify: verifiedByPolling,
});

/** Whole lines as far as they fit; a line that is longer than a piece is cut. */
function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  for (let rest = text; rest !== ''; ) {
    const lineEnd = rest.lastIndexOf('\n', PIECE_MAX);
    const end = rest.length <= PIECE_MAX ? rest.length : lineEnd > 0 ? lineEnd + 1 : PIECE_MAX;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return pieces;
}
