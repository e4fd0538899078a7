/** How many keys a session store holds, counted key by key. */
export interface SessionCount {
  /** Keys that begin with the prefix of `dr.yaml`. */
  readonly sessions: number;
  /** All other keys of the same database: queues, locks, limits. `undefined` where there were too many keys to count them all. */
  readonly others: number | undefined;
}

/** How far the end of all sessions has come. `cursor` is Redis's own; `0` when every key has been looked at. */
export interface SessionsEnded {
  readonly cursor: string;
  /** Keys that this call removed. */
  readonly removed: number;
}

/**
 * What the product asks of a session store, by its `dr.yaml` id. It removes keys with the stated prefix, or
 * empties a database that is stated to hold nothing else, and can do nothing more.
 * Rejects with `PortError`.
 */
export interface Sessions {
  count(store: string): Promise<SessionCount>;
  /**
   * Removes some of the sessions, from a cursor of before or from the beginning (`0`). Once it has come round to `0` again, every session
   * that was there when it began is gone; those that began meanwhile may be there. Terminal: what is gone stays gone.
   */
  end(store: string, cursor: string): Promise<SessionsEnded>;
}
