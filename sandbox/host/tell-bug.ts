/** Tells whoever runs the sandbox what went wrong in a part of it while nobody waited for an answer. */
export const tellBug =
  (where: string) =>
  (bug: unknown): void => {
    process.stderr.write(`${where}: ${bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)}\n`);
  };
