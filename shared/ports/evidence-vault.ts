// A bucket outside of the reach of whoever has broken in: what is put into it can't be taken back, not even by us (facts.md 7).

/** How long a bucket keeps each object. Locked, nobody can shorten it or take it away. */
export interface Retention {
  /** `null`: it keeps nothing. */
  readonly seconds: number | null;
  readonly locked: boolean;
}

/** An object as a listing tells of it. */
export interface SealedObject {
  readonly name: string;
  readonly generation: string;
  readonly bytes: number;
  readonly crc32c: string;
}

/** What the product asks of such a bucket: it adds and lists, and can neither read, replace nor delete. Rejects with `PortError`. */
export interface EvidenceVault {
  retention(bucket: string): Promise<Retention>;
  /** Create-only. What is there under that name with the same content stays as it is; with another it is refused as `permanent`. */
  seal(bucket: string, name: string, text: string): Promise<void>;
  /** At most 10,000 objects whose names begin with the prefix. */
  sealed(bucket: string, prefix: string): Promise<readonly SealedObject[]>;
}
