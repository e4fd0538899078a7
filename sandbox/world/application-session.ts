import { createHmac, timingSafeEqual } from 'node:crypto';

// Sessions of the reference application: stateless tokens, `<user>.<HMAC>`, good for whoever has the key with which they were made.

/** The token of a user under a key. */
export function sessionToken(user: string, key: string): string {
  return `${user}.${signatureOf(user, key)}`;
}

/** The user whom a token names, if it was made with this key. */
export function userOf(token: string, key: string): string | undefined {
  const dot = token.lastIndexOf('.');
  const user = token.slice(0, Math.max(0, dot));
  const given = Buffer.from(token.slice(dot + 1));
  const right = Buffer.from(signatureOf(user, key));
  return given.length === right.length && timingSafeEqual(given, right) ? user : undefined;
}

const signatureOf = (user: string, key: string): string => createHmac('sha256', key).update(user).digest('base64url');
