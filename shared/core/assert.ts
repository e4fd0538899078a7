/** Ends an exhaustive switch: reaching it is our own bug, never an event of the world. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** States what our own code guarantees. A failure is a bug and ends the process at its boundary. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
