import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportPKCS8, exportSPKI, generateKeyPair } from 'jose';
import type { FunctionName } from '../../shared/system/names.ts';
import type { DeployedFunction } from '../http/function-services.ts';
import type { Secrets } from '../world/secrets.ts';

// The keys of one sandbox, made anew at every start: kept in its Secret Manager, as in the cloud, and in its folder, which stands for what
// Cloud Run mounts. Only the process of `notify` is told where the private key is.

/** Name of the signing key in tokens. */
const KEY_ID = 'sandbox-1';

/** The environment by which each function finds the keys that it may have. */
export interface SandboxKeys {
  readonly verifying: Readonly<Record<string, string>>;
  readonly signing: Readonly<Record<string, string>>;
  readonly forms: Readonly<Record<string, string>>;
  readonly heartbeat: Readonly<Record<string, string>>;
}

/** Makes the keys and writes them, readable by their owner only. `outside`: who listens for heartbeats. */
export async function makeKeys(directory: string, outside: string): Promise<SandboxKeys> {
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
    heartbeat: {
      DR_HEARTBEAT_URL_FILE: keep('heartbeat-url.txt', `${outside}/heartbeat/${randomBytes(16).toString('hex')}`),
    },
  };
}

/** By the names that Terraform gives them. */
const filesOf = (keys: SandboxKeys): Readonly<Record<string, string | undefined>> => ({
  'dr-public-keys': keys.verifying['DR_PUBLIC_KEYS_FILE'],
  'dr-signing-key': keys.signing['DR_SIGNING_KEY_FILE'],
  'dr-form-key': keys.forms['DR_FORM_KEY_FILE'],
  'dr-heartbeat-url': keys.heartbeat['DR_HEARTBEAT_URL_FILE'],
});

/** Puts the keys where they lie in the cloud. */
export function keepKeys(secrets: Pick<Secrets, 'create' | 'addVersion'>, keys: SandboxKeys): void {
  for (const [name, path] of Object.entries(filesOf(keys))) {
    secrets.create(name);
    if (path !== undefined) secrets.addVersion(name, readFileSync(path));
  }
}

/** A function as Cloud Run would show it: what it is started with, and the secrets that are mounted into it. */
export function deployedWith(
  {
    name,
    region,
    env,
  }: { readonly name: FunctionName; readonly region: string; readonly env: DeployedFunction['env'] },
  keys: SandboxKeys,
): DeployedFunction {
  const paths = new Set(Object.values(keysFor(name, keys)));
  const mounted = Object.entries(filesOf(keys)).filter(([, path]) => path !== undefined && paths.has(path));
  return {
    service: `dr-${name}`,
    region,
    env,
    secrets: Object.fromEntries(mounted.map(([secret]) => [secret, 'latest'])),
  };
}

/** Which keys a function may have: only `notify` can sign, only `approve` makes forms, only `tick` tells that all is well. */
export function keysFor(name: FunctionName, keys: SandboxKeys): Readonly<Record<string, string>> {
  switch (name) {
    case 'notify':
      return keys.signing;
    case 'approve':
      return { ...keys.verifying, ...keys.forms };
    case 'heal':
    case 'recover':
      return keys.verifying;
    case 'tick':
      return keys.heartbeat;
    case 'classify':
    case 'status':
      return {};
  }
}
