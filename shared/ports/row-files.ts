/** One generation of one object, which nobody can change. */
export interface RowFile {
  readonly bucket: string;
  readonly name: string;
  readonly generation: string;
  readonly bytes: number;
}

/**
 * Files with rows: sets for review, undo sets, what is left for a second review. They hold people's data, so they lie in a bucket of
 * their own. Nothing here deletes or overwrites. Rejects with `PortError`.
 */
export interface RowFiles {
  /** Named: a name that exists is `conflict` (`exists`). `place`: `gs://bucket/prefix/`. */
  create(place: string, name: string, content: Uint8Array): Promise<RowFile>;
  /** The live generation of a name; `undefined` when there is none. */
  newest(place: string, name: string): Promise<RowFile | undefined>;
  /** The bytes of a generation. Rejects as `permanent` (`tooLarge`) above `bytesMax`. */
  read(file: RowFile, bytesMax: number): Promise<Uint8Array>;
}
