import { createHash, hash } from 'node:crypto';
import type { Brand } from './brand.ts';
import { canonicalJson } from './json.ts';

/** SHA-256 in lower-case hex. */
export type Digest = Brand<string, 'Digest'>;

/** SHA-256 of a text or of bytes. */
export function sha256(content: string | Uint8Array): Digest {
  return hash('sha256', content, 'hex') as Digest; // constructor of the brand
}

/** SHA-256 of the canonical JSON of a value: equal values, equal digests. */
export function digestOf(value: unknown): Digest {
  return sha256(canonicalJson(value));
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** The first `length` base32 characters (RFC 4648, lower case) of the SHA-256 of `text`; for short ids that people type. */
export function shortId(text: string, length: number): string {
  const bytes = createHash('sha256').update(text).digest();
  let [bits, count, out] = [0, 0, ''];
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xffff;
    count += 8;
    while (count >= 5 && out.length < length) {
      out += BASE32[(bits >> (count - 5)) & 31];
      count -= 5;
    }
  }
  return out;
}
