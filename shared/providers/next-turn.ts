/** Calls back in the next turn of the event loop, after everything that has arrived by then was taken in. */
export function inNextTurn(what: () => void): void {
  setImmediate(what);
}
