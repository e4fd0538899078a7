import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportPKCS8, exportSPKI, generateKeyPair } from 'jose';

// The keys of one sandbox, made anew at every start and kept in its folder: what Secret Manager holds in the cloud. Only the
// process of `notify` is told where the private key is.

/** Name of the signing key in tokens. */
const KEY_ID = 'sandbox-1';

/** The environment by which each function finds the keys that it may have. */
export interface SandboxKeys {
  readonly verifying: Readonly<Record<string, string>>;
  readonly signing: Readonly<Record<string, string>>;
  readonly forms: Readonly<Record<string, string>>;
}

/** Makes the keys and writes them, readable by their owner only. */
export async function makeKeys(directory: string): Promise<SandboxKeys> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const keep = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  return {
    verifying: {
      DR_PUBLIC_KEYS_FILE: keep('approval-public-keys.json', JSON.stringify({ [KEY_ID]: await exportSPKI(publicKey) })),
    },
    signing: {
      DR_SIGNING_KEY_FILE: keep('approval-signing-key.pem', await exportPKCS8(privateKey)),
      DR_SIGNING_KEY_ID: KEY_ID,
    },
    forms: { DR_FORM_KEY_FILE: keep('form-key.txt', randomBytes(32).toString('base64url')) },
  };
}
