import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** A verb that can't go on, with the exit code of decisions.md 26 and a sentence that says what to do. */
export class Refusal extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

const wire = z.object({
  pid: z.number(),
  project: z.string(),
  control: z.string(),
  controlToken: z.string(),
  google: z.string(),
  proxyPort: z.number(),
  kubernetes: z.string(),
  kubeconfig: z.string(),
  operatorToken: z.string(),
  config: z.string(),
  store: z.string(),
  approve: z.array(z.string()).readonly(),
  status: z.string(),
  rate: z.number(),
  startWall: z.number(),
  startClock: z.number(),
});

/** Where the running sandbox is. */
export type Facts = z.infer<typeof wire>;

/** Reads where the sandbox of this folder is. Refuses with 4 when none runs. */
export async function readFacts(directory: string): Promise<Facts> {
  const path = join(directory, 'sandbox.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined)
    throw new Refusal(4, `no sandbox runs here (there is no ${path}): start one with ./dr start or ./dr sandbox`);
  const facts = wire.parse(JSON.parse(text));
  try {
    process.kill(facts.pid, 0);
  } catch {
    throw new Refusal(4, `the sandbox of ${path} has ended: start another with ./dr start or ./dr sandbox`);
  }
  return facts;
}

/** Where the sandbox of this folder is; `undefined` when none runs. A file that can't be read as one rejects: it says nothing of that. */
export async function runningFacts(directory: string): Promise<Facts | undefined> {
  return await readFacts(directory).catch((error: unknown) => {
    if (error instanceof Refusal) return undefined;
    throw error;
  });
}

/** Asks the sandbox's control door. Refuses with 4 when it does not answer, with 2 when it says that the request is wrong. */
export async function control(
  facts: Pick<Facts, 'control' | 'controlToken'>,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<unknown> {
  const answer = await fetch(`${facts.control}${path}`, {
    method,
    headers: { authorization: `Bearer ${facts.controlToken}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new Refusal(4, `the sandbox does not answer: ${String(error)}`);
  });
  const said: unknown = await answer.json().catch(() => undefined);
  if (answer.ok) return said;
  const told = z.object({ error: z.object({ message: z.string() }) }).safeParse(said);
  throw new Refusal(
    answer.status < 500 ? 2 : 4,
    told.success ? told.data.error.message : `the sandbox answered ${answer.status}`,
  );
}
