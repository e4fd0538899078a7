/** Something that takes alerts in. */
export interface Intake {
  /** Hands an alert of that name over; resolves once the decision on it is where that thing keeps its decisions. */
  publish(id: string): Promise<void>;
  stop(): Promise<void>;
}

/** What a block of alerts took. */
export interface Block {
  /** Milliseconds from publish to decision, one for each alert. */
  readonly latencies: readonly number[];
  /** Wall milliseconds for all of them. */
  readonly took: number;
}

/** Publishes so many alerts, `atOnce` of them under way at any moment. */
export async function publishBlock(
  intake: Intake,
  { prefix, alerts, atOnce }: { readonly prefix: string; readonly alerts: number; readonly atOnce: number },
): Promise<Block> {
  const latencies: number[] = [];
  let next = 0;
  const begun = performance.now();
  const worker = async (): Promise<void> => {
    while (next < alerts) {
      const id = `${prefix}-${next}`;
      next += 1;
      const since = performance.now();
      await intake.publish(id);
      latencies.push(performance.now() - since);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { latencies, took: performance.now() - begun };
}
