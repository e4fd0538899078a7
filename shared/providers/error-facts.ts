import { redact } from '../core/redact.ts';

// What an unknown error says about a failed call, read by shape: clients bring several copies of the same error class
// with them, so `instanceof` proves nothing, and message text is for people only (facts.md 0.1).

/** What was found in an error, its causes and the JSON that it carries. */
export interface ErrorFacts {
  /** Status of the HTTP answer, when one arrived. */
  readonly http: number | undefined;
  /** gRPC code, 0 to 16; Google's REST clients make one up where no answer arrived. */
  readonly grpc: number | undefined;
  /** Names such as `ECONNRESET`, `UND_ERR_SOCKET`, `TimeoutError`; outermost first. */
  readonly names: readonly string[];
  /** System calls that failed: `connect`, `getaddrinfo`, `read`, … */
  readonly systemCalls: readonly string[];
  /** Stable reasons of the vendor: `operationInProgress`, `rateLimitExceeded`, `TooManyRequests`, … */
  readonly reasons: readonly string[];
}

/** Deeper than any chain seen (three); a chain that refers to itself ends here. */
const DEPTH_MAX = 6;

/**
 * Where Google's REST transport keeps the body that it decoded (google-gax 6.17 `googleError.js`); a registered symbol.
 */
const GAX_BODY = Symbol.for('google-gax.rawHttpResponsePayload');

/** Reads an error of any client. Never throws. */
export function factsOf(error: unknown): ErrorFacts {
  const layers = [...layersOf(error, 0)];
  const bodies = layers.flatMap(bodiesOf);
  return {
    http:
      layers.map(httpOf).find((status) => status !== undefined) ??
      bodies.map(httpOf).find((status) => status !== undefined),
    grpc: layers.map(grpcOf).find((code) => code !== undefined),
    names: layers.flatMap((layer) => texts(layer, ['code', 'errno', 'name'])),
    systemCalls: layers.flatMap((layer) => texts(layer, ['syscall', 'erroredSysCall'])),
    reasons: [...layers, ...bodies].flatMap(reasonsOf),
  };
}

/**
 * The same error and its causes, as texts only. Clients hang the request on their errors, with its token and its body,
 * and Node prints the properties of an error that nobody caught: a secret's payload would stand in the log.
 */
export function withoutProperties(error: unknown, depth = 0): Error {
  const [message = typeof error === 'string' ? error : Object.prototype.toString.call(error)] = texts(error, [
    'message',
  ]);
  const cause = member(error, 'cause');
  const bare = new Error(
    redact(message),
    cause === undefined || depth >= DEPTH_MAX ? {} : { cause: withoutProperties(cause, depth + 1) },
  );
  const [name = 'Error'] = [...texts(member(error, 'constructor'), ['name']), ...texts(error, ['name'])];
  bare.name = name;
  const [stack = `${name}: ${message}`] = texts(error, ['stack']);
  bare.stack = redact(stack);
  return bare;
}

/** A member of anything; `undefined` where there is none. */
function member(value: unknown, key: PropertyKey): unknown {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
    ? Reflect.get(value, key)
    : undefined;
}

function* layersOf(error: unknown, depth: number): Generator<unknown> {
  if (depth >= DEPTH_MAX || typeof error !== 'object' || error === null) return;
  yield error;
  yield* layersOf(member(error, 'cause'), depth + 1);
  // Node tries several addresses of a host and reports one error for each.
  for (const attempt of listOf(member(error, 'errors'))) yield* layersOf(attempt, depth + 1);
}

function httpOf(layer: unknown): number | undefined {
  const response = member(layer, 'response');
  const candidates = [
    member(layer, 'httpStatusCode'),
    member(layer, 'status'),
    member(response, 'status'),
    member(layer, 'code'),
  ];
  return candidates.map(Number).find((status) => Number.isInteger(status) && status >= 100 && status < 600);
}

function grpcOf(layer: unknown): number | undefined {
  const code = member(layer, 'code');
  return typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 16 ? code : undefined;
}

/**
 * The JSON bodies in an error: gaxios writes the text into the message, Kubernetes into `body`, Google's REST transport
 * behind a symbol.
 */
function bodiesOf(layer: unknown): readonly unknown[] {
  const candidates = [member(layer, GAX_BODY), member(layer, 'body'), member(layer, 'message')];
  return candidates.map(jsonOf).flatMap((json) => (json === undefined ? [] : [member(json, 'error') ?? json]));
}

function jsonOf(candidate: unknown): unknown {
  if (typeof candidate !== 'string') return typeof candidate === 'object' && candidate !== null ? candidate : undefined;
  if (!candidate.startsWith('{')) return undefined;
  try {
    const parsed: unknown = JSON.parse(candidate);
    return parsed;
  } catch {
    return undefined; // a text that only looks like JSON says nothing
  }
}

function reasonsOf(part: unknown): readonly string[] {
  const nested = [
    ...listOf(member(part, 'errors')),
    ...listOf(member(part, 'details')),
    ...listOf(member(member(part, 'details'), 'causes')),
  ];
  return [part, ...nested].flatMap((entry) => texts(entry, ['reason', 'status']));
}

const texts = (layer: unknown, keys: readonly string[]): readonly string[] =>
  keys.map((key) => member(layer, key)).filter((value): value is string => typeof value === 'string' && value !== '');

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
