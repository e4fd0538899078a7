import { pino } from 'pino';
import type { DestinationStream } from 'pino';
import { redact, SecretText } from '../core/redact.ts';

// Log lines as Cloud Logging reads them from stdout: one JSON object a line with `severity`, `message` and the trace.
//
// L1. Nothing is written that did not pass through `redact`, the names of fields included: `{token: …}` is hidden by
//     its name.
// L2. Of an error only its words are written, with all its causes; clients hang requests and credentials on theirs.
// L3. A line is written before `log` returns: a process that is killed has said what it was doing.

/** Things that a log line carries besides its message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The log of one process. Severities as Cloud Logging names them. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with fields that stand in every line, e.g. of one incident or one trace. */
  with(fields: LogFields): Log;
}

const SEVERITIES: Readonly<Record<string, string>> = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' };

/** Deeper objects are not written out; nothing that we log has more than four levels. */
const DEPTH_MAX = 8;

/** A log in Cloud Logging's format. Lines go to stdout unless `stream` is given. */
export function createCloudLog(options: {
  readonly service: string;
  readonly level?: 'debug' | 'info';
  readonly stream?: DestinationStream;
}): Log {
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ severity: SEVERITIES[label] ?? 'DEFAULT' }) },
    },
    options.stream ?? pino.destination({ dest: 1, sync: true }),
  );
  const logWith = (standing: LogFields): Log => {
    const write =
      (level: 'debug' | 'info' | 'warn' | 'error') =>
      (message: string, fields: LogFields = {}) =>
        logger[level](clean({ ...standing, ...fields }), redact(message));
    return {
      debug: write('debug'),
      info: write('info'),
      warning: write('warn'),
      error: write('error'),
      with: (fields) => logWith({ ...standing, ...fields }),
    };
  };
  return logWith({ service: options.service });
}

/** The field under which Cloud Logging groups lines by request, from the header `traceparent` (W3C) of the request. */
export function traceFields(project: string, traceparent: string | undefined): LogFields {
  const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(traceparent ?? '')?.[1];
  return trace === undefined ? {} : { 'logging.googleapis.com/trace': `projects/${project}/traces/${trace}` };
}

/** L1 and L2, at every depth. */
function clean(value: unknown, key = '', depth = 0): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || value === undefined) return value;
  if (isSensitive(key) || value instanceof SecretText) return '[redacted]';
  if (typeof value === 'string') return redact(value);
  if (typeof value !== 'object') return typeof value === 'bigint' ? value.toString() : `[${typeof value}]`;
  if (depth >= DEPTH_MAX) return '[…]';
  if (value instanceof Error) return words(value, depth);
  if (Array.isArray(value)) return value.map((item) => clean(item, key, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, clean(member, name, depth + 1)]));
}

/** Whether `redact` would hide what stands behind that name in a text. */
const isSensitive = (key: string): boolean => redact(`${key}=x`) !== `${key}=x`;

function words(error: Error, depth: number): unknown {
  const cause = error.cause === undefined ? {} : { cause: clean(error.cause, 'cause', depth + 1) };
  return { name: error.name, message: redact(error.message), stack: redact(error.stack ?? ''), ...cause };
}
