import type { SecretText } from '../core/redact.ts';

/** A secret's newest version. */
export interface SecretVersion {
  readonly version: string;
  readonly enabled: boolean;
}

/** What the product asks of a secret store. Payloads are `SecretText` and never leave memory. Rejects with `PortError`. */
export interface Secrets {
  latest(secret: string): Promise<SecretVersion>;
  read(secret: string, version: string): Promise<SecretText>;
  /** Serialised: repeated, it adds another version. Returns the new version. */
  add(secret: string, payload: SecretText): Promise<string>;
}
