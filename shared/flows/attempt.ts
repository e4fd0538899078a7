import type { Unreadable } from '../classify/facts.ts';
import { isPortError } from '../ports/port-error.ts';

/** Asks, and turns a failure of the world into `unreadable`. Bugs pass. */
export async function attempt<T>(ask: () => Promise<T>): Promise<T | Unreadable> {
  try {
    return await ask();
  } catch (error) {
    if (!isPortError(error)) throw error;
    return { unreadable: error.code };
  }
}
