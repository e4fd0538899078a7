import { callWithin } from './deadline.ts';
import type { Call } from './deadline.ts';

/** An answer of a plain JSON service, whatever its status. */
export interface JsonAnswer {
  readonly status: number;
  /** `undefined` when the body is no JSON, or longer than a contract of ours asks for. */
  readonly body: unknown;
}

/** What is asked. A redirect is not followed: it is an answer like any other, and not the one that was asked for. */
export interface JsonQuestion {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly body?: unknown;
  /** The host that was asked for, where `url` is an address in its place that takes many hosts. */
  readonly forwardedHost?: string;
  /** Bearer token, for what is ours behind it. */
  readonly token?: string;
}

/** Answers in these contracts are a few lines; more is not read. */
const BYTES_MAX = 65_536;

/**
 * Asks a plain HTTP service of ours or of the protected system, within our deadline. Rejects with `PortError` when no
 * answer came.
 */
export function askJson(call: Call, question: JsonQuestion): Promise<JsonAnswer> {
  return callWithin(
    call,
    () => undefined,
    async (_, signal) => {
      const response = await fetch(question.url, {
        method: question.method,
        redirect: 'manual',
        signal,
        headers: {
          accept: 'application/json',
          // A contact is a connection of its own: one that was kept open and died meanwhile would say nothing about the
          // host now.
          connection: 'close',
          ...(question.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(question.forwardedHost === undefined ? {} : { 'x-forwarded-host': question.forwardedHost }),
          ...(question.token === undefined ? {} : { authorization: `Bearer ${question.token}` }),
        },
        ...(question.body === undefined ? {} : { body: JSON.stringify(question.body) }),
      });
      return { status: response.status, body: jsonOf(await textOf(response)) };
    },
  );
}

async function textOf(response: Response): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let [text, bytes] = ['', 0];
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > BYTES_MAX) return ''; // leaving the loop ends the connection
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function jsonOf(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch {
    return undefined; // whose page it is does not matter: it is not the contract
  }
}
