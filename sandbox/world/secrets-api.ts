import type { Caller } from './caller.ts';
import type { ApiCall, ApiDoor, ApiOutcome } from './kernel.ts';
import type { Secret, SecretPayload, Secrets, SecretVersion, SecretVersionState } from './secrets.ts';

/** Secret Manager as its callers reach it: every method passes the door with the permission that Google's method asks for. */
export interface SecretsApi {
  create(caller: Caller, secret: string): ApiOutcome<Secret>;
  get(caller: Caller, secret: string): ApiOutcome<Secret>;
  list(caller: Caller): ApiOutcome<readonly Secret[]>;
  addVersion(caller: Caller, secret: string, data: Uint8Array, crc32c?: number): ApiOutcome<SecretVersion>;
  access(caller: Caller, secret: string, version: string): ApiOutcome<SecretPayload>;
  getVersion(caller: Caller, secret: string, version: string): ApiOutcome<SecretVersion>;
  listVersions(caller: Caller, secret: string): ApiOutcome<readonly SecretVersion[]>;
  setState(caller: Caller, version: VersionChange): ApiOutcome<SecretVersion>;
}

/** Enabling, disabling or destroying one version, if it still has the etag. */
export interface VersionChange {
  readonly secret: string;
  readonly version: string;
  readonly state: SecretVersionState;
  readonly etag?: string;
}

const VERB: Readonly<Record<SecretVersionState, string>> = {
  ENABLED: 'enable',
  DISABLED: 'disable',
  DESTROYED: 'destroy',
};

/** Puts the door before the secrets. Permissions: cloud.google.com/secret-manager/docs/access-control. */
export function createSecretsApi(door: ApiDoor, secrets: Secrets): SecretsApi {
  const call = (caller: Caller, permission: string, resource: string, writes: boolean): ApiCall => ({
    api: 'secretmanager',
    permission: `secretmanager.${permission}`,
    resource,
    writes,
    ...caller,
  });
  const version = (secret: string, wanted: string): string => `secrets/${secret}/versions/${wanted}`;

  return {
    create: (caller, secret) =>
      door.call(call(caller, 'secrets.create', `secrets/${secret}`, true), () => secrets.create(secret)),
    get: (caller, secret) =>
      door.call(call(caller, 'secrets.get', `secrets/${secret}`, false), () => secrets.secret(secret)),
    list: (caller) => door.call(call(caller, 'secrets.list', 'secrets', false), () => secrets.secrets()),
    addVersion: (caller, secret, data, crc32c) =>
      door.call(call(caller, 'versions.add', `secrets/${secret}:addVersion`, true), () =>
        secrets.addVersion(secret, data, crc32c),
      ),
    access: (caller, secret, wanted) =>
      door.call(call(caller, 'versions.access', `${version(secret, wanted)}:access`, false), () =>
        secrets.access(secret, wanted),
      ),
    getVersion: (caller, secret, wanted) =>
      door.call(call(caller, 'versions.get', version(secret, wanted), false), () => secrets.version(secret, wanted)),
    listVersions: (caller, secret) =>
      door.call(call(caller, 'versions.list', `secrets/${secret}/versions`, false), () => secrets.versions(secret)),
    setState(caller, { secret, version: wanted, state, etag }) {
      const verb = VERB[state];
      return door.call(call(caller, `versions.${verb}`, `${version(secret, wanted)}:${verb}`, true), () =>
        secrets.setState(secret, wanted, state, etag),
      );
    },
  };
}
