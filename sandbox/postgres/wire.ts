// The framing of PostgreSQL's wire protocol, version 3.0 (its manual, "Message Formats"): enough to say where a message ends, who
// asks, and whether the server is idle. What messages mean is the engine's business.

/** Bytes with a type and a length before them. */
export function message(type: string, body: Uint8Array | string): Buffer {
  const content = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(4 + content.length, 1);
  return Buffer.concat([head, content]);
}

/** The first whole message of a buffer with its type; `undefined` while it isn't whole. Throws on a length that can't be. */
export function firstMessage(buffer: Buffer): { readonly type: string; readonly bytes: Buffer } | undefined {
  if (buffer.length < 5) return undefined;
  const length = buffer.readInt32BE(1);
  if (length < 4 || length > MESSAGE_MAX) throw new Error('invalid message length');
  if (buffer.length < 1 + length) return undefined;
  return { type: String.fromCharCode(buffer[0] ?? 0), bytes: buffer.subarray(0, 1 + length) };
}

/** Largest message that is taken, bytes: what one COPY or one statement may have. */
const MESSAGE_MAX = 256 * 1024 * 1024;

/** The text of a message that begins with one, such as Query. */
export const textOf = (bytes: Buffer): string => {
  const end = bytes.indexOf(0, 5);
  return bytes.toString('utf8', 5, end < 0 ? bytes.length : end);
};

/** What a client asks first. */
export type Opening =
  | { readonly kind: 'encryption' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'startup'; readonly parameters: Readonly<Record<string, string>> }
  | { readonly kind: 'unknown' };

const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;
const PROTOCOL_3 = 3;

/** Reads a client's first message, which has no type; `undefined` while it isn't whole. */
export function readOpening(buffer: Buffer): { readonly opening: Opening; readonly length: number } | undefined {
  if (buffer.length < 8) return undefined;
  const [length, code] = [buffer.readInt32BE(0), buffer.readInt32BE(4)];
  if (length < 8 || length > 10_000) return { opening: { kind: 'unknown' }, length: buffer.length };
  if (buffer.length < length) return undefined;
  if (code === SSL_REQUEST || code === GSS_REQUEST) return { opening: { kind: 'encryption' }, length };
  if (code === CANCEL_REQUEST) return { opening: { kind: 'cancel' }, length };
  if (code >> 16 !== PROTOCOL_3) return { opening: { kind: 'unknown' }, length };
  const words = buffer.toString('utf8', 8, length).split('\0');
  const parameters: Record<string, string> = {};
  for (let index = 0; index + 1 < words.length && words[index] !== ''; index += 2)
    parameters[words[index] ?? ''] = words[index + 1] ?? '';
  return { opening: { kind: 'startup', parameters }, length };
}

/** A first message, for a client of our own. */
export function startup(parameters: Readonly<Record<string, string>>): Buffer {
  const body = Buffer.from(`${Object.entries(parameters).flat().join('\0')}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(PROTOCOL_3 << 16, 4);
  return Buffer.concat([head, body]);
}

/** Asks for a password in clear: the port is on loopback, as all of the sandbox is. */
export const PASSWORD_WANTED = message('R', Buffer.from([0, 0, 0, 3]));

/** `AuthenticationOk`. */
export const WELCOME = message('R', Buffer.from([0, 0, 0, 0]));

/** `ReadyForQuery`, outside of a transaction. */
export const READY = message('Z', 'I');

/** The server waits for text of COPY. The client knows its columns. */
export const COPY_WANTED = message('G', Buffer.from([0, 0, 0]));

/** A parameter of the server. */
export const parameter = (name: string, value: string): Buffer => message('S', `${name}\0${value}\0`);

/** An error as PostgreSQL tells it. */
export const errorMessage = (severity: 'ERROR' | 'FATAL', code: string, text: string): Buffer =>
  message('E', `S${severity}\0V${severity}\0C${code}\0M${text}\0\0`);

/** Length of `ReadyForQuery`. */
const READY_BYTES = 6;

/** Whether what a server said ends with `ReadyForQuery`. */
export function isAnswered(said: Uint8Array): boolean {
  const end = Buffer.from(said.buffer, said.byteOffset, said.length).subarray(-READY_BYTES);
  return end.length === READY_BYTES && end[0] === 0x5a && end.readInt32BE(1) === 5;
}

/** Whether it ends idle: outside of a transaction. */
export const isIdle = (said: Uint8Array): boolean => isAnswered(said) && said.at(-1) === 0x49;
