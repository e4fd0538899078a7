/** Runs work side by side, at most so much at once; the rest waits its turn. */
export function atMost(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = count;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((begin) => void waiting.push(begin));
    try {
      return await work();
    } finally {
      // A place that becomes free is handed on.
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
