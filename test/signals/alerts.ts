import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A captured notification of test/fixtures/alerts, by its file name without `.json`. */
export function fixture(name: string): unknown {
  return JSON.parse(readFileSync(join(import.meta.dirname, '..', 'fixtures', 'alerts', `${name}.json`), 'utf8'));
}

/** The base64 that Pub/Sub makes of a value. */
export const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');
