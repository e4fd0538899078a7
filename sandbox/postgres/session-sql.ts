import { SqlError } from './engine.ts';
import { firstMessage, message } from './wire.ts';

// Plain SQL over a session's messages, for ourselves as a client: what psql does with a simple query.

/** Whoever answers messages. */
interface Answering {
  send(messages: Uint8Array): Promise<Uint8Array>;
}

/** What a query answered. */
export interface SimpleAnswer {
  /** What COPY … TO STDOUT gave. */
  readonly copied: Buffer;
  /** The command tags, such as `COPY 3`. */
  readonly tags: readonly string[];
}

/** Runs one statement. Throws `SqlError` when the server refuses it. */
export async function runSimple(session: Answering, sql: string, copyText?: string): Promise<SimpleAnswer> {
  const messages = [message('Q', `${sql}\0`)];
  if (copyText !== undefined) messages.push(message('d', copyText), message('c', ''));
  let rest = Buffer.from(await session.send(Buffer.concat(messages)));
  const copied: Buffer[] = [];
  const tags: string[] = [];
  for (let next = firstMessage(rest); next !== undefined; next = firstMessage(rest)) {
    rest = rest.subarray(next.bytes.length);
    if (next.type === 'E') throw errorOf(next.bytes);
    if (next.type === 'd') copied.push(next.bytes.subarray(5));
    if (next.type === 'C') tags.push(next.bytes.toString('utf8', 5, next.bytes.length - 1));
  }
  return { copied: Buffer.concat(copied), tags };
}

/** Rows that the statements changed, by their tags. */
export const rowsOf = ({ tags }: SimpleAnswer): number =>
  tags.reduce((sum, tag) => sum + Number(/^(?:COPY|INSERT 0|UPDATE|DELETE|MERGE) (\d+)$/.exec(tag)?.[1] ?? 0), 0);

function errorOf(bytes: Buffer): SqlError {
  const fields = new Map(
    bytes
      .toString('utf8', 5)
      .split('\0')
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );
  return new SqlError(fields.get('C') ?? 'XX000', fields.get('M') ?? 'unknown error');
}
