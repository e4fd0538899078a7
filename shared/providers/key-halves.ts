import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { SecretText } from '../core/redact.ts';

// Whether the halves of a key pair belong together, for people who set an installation up. Of a private key nothing but its public half
// leaves this file.

/** How public keys are compared: SPKI in base64. */
export type PublicHalf = string;

/** The public half of a private key in PKCS #8 PEM; `undefined` for what is no Ed25519 key. */
export const publicHalfOf = (privateKey: SecretText): PublicHalf | undefined =>
  halfOf(() => createPublicKey(createPrivateKey(privateKey.reveal())));

const keysWire = z.record(z.string(), z.string());

/** The public keys of a JSON object of PEM by key id, `undefined` for one that is no Ed25519 key; `undefined` for what is no such object. */
export function readPublicKeys(text: string): Readonly<Record<string, PublicHalf | undefined>> | undefined {
  const parsed = keysWire.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  return Object.fromEntries(Object.entries(parsed.data).map(([id, pem]) => [id, halfOf(() => publicKeyOf(pem))]));
}

/** `createPublicKey` takes private keys too, which have no place among public ones. */
function publicKeyOf(pem: string): KeyObject | undefined {
  return pem.includes('PRIVATE KEY') ? undefined : createPublicKey(pem);
}

function halfOf(read: () => KeyObject | undefined): PublicHalf | undefined {
  try {
    const key = read();
    return key?.asymmetricKeyType === 'ed25519'
      ? key.export({ type: 'spki', format: 'der' }).toString('base64')
      : undefined;
  } catch {
    return undefined; // no key at all
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
