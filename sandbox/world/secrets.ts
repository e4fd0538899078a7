import { sha256 } from '../../shared/core/digest.ts';
import type { Instant } from '../../shared/core/time.ts';
import { crc32c } from './crc32c.ts';
import { ApiError, type WorldClock } from './kernel.ts';
import type { Project } from './project.ts';

// Secret Manager: secrets and their versions.
//
// S1. Versions are numbered 1, 2, 3, … and never renumbered; `latest` is the newest one, even if it is disabled or destroyed:
//     accessing it then fails (seen in google-github-actions/get-secretmanager-secrets#268, external-secrets#4042).
// S2. DESTROYED is final, and the payload is gone.
// S3. Every change of a version, also one that changes nothing, gives it a new etag; a stale etag is refused with 400
//     FAILED_PRECONDITION, not 409 (docs.cloud.google.com/secret-manager/docs/etags, read 2026-11-22).
// S4. Reading a secret takes no lock and notifies nobody: who has read it keeps what it read.

/** A version's life: ENABLED and DISABLED as often as wanted, DESTROYED for good. */
export type SecretVersionState = 'ENABLED' | 'DISABLED' | 'DESTROYED';

/** What is known of a version without its payload. */
export interface SecretVersion {
  readonly secret: string;
  readonly number: number;
  readonly state: SecretVersionState;
  readonly createdAt: Instant;
  readonly destroyedAt: Instant | undefined;
  readonly etag: string;
  /** Whether the payload came with a checksum, which then matched. */
  readonly checksumGiven: boolean;
}

/** A secret without its versions. */
export interface Secret {
  readonly name: string;
  readonly createdAt: Instant;
  readonly etag: string;
}

/** The payload of an enabled version. */
export interface SecretPayload {
  readonly version: SecretVersion;
  readonly data: Uint8Array;
  readonly crc32c: number;
}

/** Largest payload, bytes (facts.md 7). */
export const PAYLOAD_BYTES_MAX = 65_536;

/** The secrets of a project. Methods throw `ApiError` as the API refuses; callers other than the world itself come through the door. */
export interface Secrets {
  /** 409 when it exists. */
  create(name: string): Secret;
  secret(name: string): Secret;
  secrets(): readonly Secret[];
  /** 400 for an empty or too large payload, or when `crc32c` is given and doesn't match. */
  addVersion(name: string, data: Uint8Array, crc32c?: number): SecretVersion;
  /** `version` is a number or `latest`. 400 FAILED_PRECONDITION unless it is enabled. */
  access(name: string, version: string): SecretPayload;
  version(name: string, version: string): SecretVersion;
  /** Newest first. */
  versions(name: string): readonly SecretVersion[];
  /** Enables, disables or destroys. 400 FAILED_PRECONDITION for a stale etag or a destroyed version. */
  setState(name: string, version: string, state: SecretVersionState, etag?: string): SecretVersion;
  /** What a workload that references `latest` gets when it starts: the newest version's text, `undefined` unless it is enabled. */
  readSecret(name: string): string | undefined;
}

/** Full resource name, with the project's number, as the API answers it. */
export function secretName(project: Project, secret: string): string {
  return `projects/${project.number}/secrets/${secret}`;
}

/** Full resource name of a version. */
export function versionName(project: Project, version: SecretVersion): string {
  return `${secretName(project, version.secret)}/versions/${version.number}`;
}

interface StoredVersion {
  version: SecretVersion;
  data: Uint8Array;
}

interface StoredSecret {
  readonly secret: Secret;
  readonly versions: StoredVersion[];
}

/** An empty Secret Manager. */
export function createSecrets({ clock, project }: { clock: WorldClock; project: Project }): Secrets {
  const stored = new Map<string, StoredSecret>();
  let edits = 0;
  const nextEtag = (): string => {
    edits += 1;
    return `"${sha256(`secret-etag-${edits}`).slice(0, 14)}"`; // with its quotes: they are part of it
  };

  const find = (name: string): StoredSecret => {
    const found = stored.get(name);
    if (!found) throw new ApiError(404, 'notFound', `Secret [${secretName(project, name)}] not found.`);
    return found;
  };

  const findVersion = (name: string, wanted: string): StoredVersion => {
    const secret = find(name);
    const found =
      wanted === 'latest'
        ? secret.versions.at(-1)
        : secret.versions.find(({ version }) => String(version.number) === wanted);
    if (found) return found;
    const full = secretName(project, name);
    const what =
      wanted === 'latest'
        ? `Secret [${full}] not found or has no versions.`
        : `Secret Version [${full}/versions/${wanted}] not found.`;
    throw new ApiError(404, 'notFound', what);
  };

  const failedPrecondition = (version: SecretVersion, what: string): ApiError =>
    new ApiError(400, 'failedPrecondition', `Secret Version [${versionName(project, version)}] ${what}`);

  const readSecret = (name: string): string | undefined => {
    const newest = stored.get(name)?.versions.at(-1);
    return newest?.version.state === 'ENABLED' ? Buffer.from(newest.data).toString('utf8') : undefined;
  };

  return {
    create(name) {
      if (stored.has(name))
        throw new ApiError(409, 'alreadyExists', `Secret [${secretName(project, name)}] already exists.`);
      const secret: Secret = { name, createdAt: clock.now(), etag: nextEtag() };
      stored.set(name, { secret, versions: [] });
      return secret;
    },
    secret: (name) => find(name).secret,
    secrets: () => [...stored.values()].map(({ secret }) => secret),
    addVersion(name, data, checksum) {
      const { versions } = find(name);
      checkPayload(data, checksum);
      const version: SecretVersion = {
        secret: name,
        number: versions.length + 1,
        state: 'ENABLED',
        createdAt: clock.now(),
        destroyedAt: undefined,
        etag: nextEtag(),
        checksumGiven: checksum !== undefined,
      };
      versions.push({ version, data: Uint8Array.from(data) });
      return version;
    },
    access(name, wanted) {
      const { version, data } = findVersion(name, wanted);
      if (version.state !== 'ENABLED') throw failedPrecondition(version, `is in ${version.state} state.`);
      return { version, data, crc32c: crc32c(data) };
    },
    version: (name, wanted) => findVersion(name, wanted).version,
    versions: (name) =>
      find(name)
        .versions.map(({ version }) => version)
        .toReversed(),
    setState(name, wanted, state, etag) {
      const found = findVersion(name, wanted);
      const { version } = found;
      if (etag !== undefined && etag !== version.etag)
        throw failedPrecondition(version, 'does not have the etag of the request.');
      if (version.state === 'DESTROYED') throw failedPrecondition(version, 'is in DESTROYED state.');
      found.version = {
        ...version,
        state,
        etag: nextEtag(),
        destroyedAt: state === 'DESTROYED' ? clock.now() : undefined,
      };
      if (state === 'DESTROYED') found.data = new Uint8Array();
      return found.version;
    },
    readSecret,
  };
}

function checkPayload(data: Uint8Array, checksum: number | undefined): void {
  if (data.length === 0) throw new ApiError(400, 'badRequest', 'Secret Payload cannot be empty.');
  if (data.length > PAYLOAD_BYTES_MAX) {
    throw new ApiError(400, 'badRequest', `Secret Payload cannot be larger than ${PAYLOAD_BYTES_MAX} bytes.`);
  }
  if (checksum !== undefined && checksum !== crc32c(data)) {
    throw new ApiError(400, 'badRequest', 'The CRC32C checksum of the payload does not match the one in the request.');
  }
}
