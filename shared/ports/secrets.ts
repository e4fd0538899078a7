import type { SecretText } from '../core/redact.ts';
import type { Instant } from '../core/time.ts';

/** A secret's newest version. */
export interface SecretVersion {
  readonly version: string;
  readonly enabled: boolean;
}

/** One version of a secret, without its payload. */
export interface SecretVersionStatus {
  readonly version: string;
  /** `destroyed` is final; the others are changed as often as wanted. */
  readonly state: 'enabled' | 'disabled' | 'destroyed';
  readonly createdAt: Instant;
  /** Goes with a change of its state; stale is `conflict`. */
  readonly etag: string;
}

/** What the product asks of a secret store. Payloads are `SecretText` and never leave memory. Rejects with `PortError`. */
export interface Secrets {
  latest(secret: string): Promise<SecretVersion>;
  /** Newest first, at most the newest 100. */
  versions(secret: string): Promise<readonly SecretVersionStatus[]>;
  read(secret: string, version: string): Promise<SecretText>;
  /** Serialised: repeated, it adds another version. Returns the new version. */
  add(secret: string, payload: SecretText): Promise<string>;
  /** Takes one version out of use, reversibly; nothing here can destroy. */
  disable(secret: string, version: string, etag: string): Promise<void>;
}
