import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SecretText } from '../core/redact.ts';
import { type Instant, minutes } from '../core/time.ts';

// A form token that needs no cookie and no store: an HMAC over the page and the hour. Whoever has not been shown this very page
// can't post its form; every copy of the function, in either region and after a restart, makes and accepts the same.

/** The token of the form on the page of `opaque`. */
export const formNonce = (opaque: string, now: Instant, key: SecretText): string => nonceOf(opaque, hourOf(now), key);

/** Whether the token is of this page's form and not older than the hour before this one: approvals live for minutes. */
export function isFreshNonce(nonce: string, opaque: string, now: Instant, key: SecretText): boolean {
  const given = Buffer.from(nonce);
  return [hourOf(now), hourOf(now) - 1].some((hour) => {
    const wanted = Buffer.from(nonceOf(opaque, hour, key));
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}

const hourOf = (now: Instant): number => Math.floor(now / minutes(60));

const nonceOf = (opaque: string, hour: number, key: SecretText): string =>
  createHmac('sha256', key.reveal()).update(`${opaque}.${hour}`).digest('base64url');
