import { z } from 'zod';
import { redact } from '../core/redact.ts';
import { isPortError } from '../ports/port-error.ts';
import { define, verifiedByPolling } from './define.ts';

/** Lines of each container's log that are kept. */
const LOG_LINES = 1_000;

/** Pods whose word is kept at the most; a Deployment of dr.yaml has fewer. */
const PODS_MAX = 100;

/**
 * Keeps what every pod of an application says of itself, redacted, before anything is changed: a restart takes it along. Pods that go
 * while it looks are left out.
 */
export const captureApplicationEvidence = define({
  kind: 'capture-application-evidence',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({ application: z.string() }),
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ application }, _version, context) => {
    const { workloads } = context.world;
    const pods = (await workloads.pods(application)).slice(0, PODS_MAX);
    for (const { name } of pods) {
      const [described, previous, present] = await Promise.all([
        unlessGone(workloads.describePod(application, name)),
        workloads.podLog(application, name, { previous: true, lines: LOG_LINES }),
        workloads.podLog(application, name, { previous: false, lines: LOG_LINES }),
      ]);
      if (described !== undefined) await context.keep(`describe of pod ${name}`, redact(described));
      if (previous !== undefined) await context.keep(`log of the previous container of ${name}`, redact(previous));
      if (present !== undefined) await context.keep(`log of ${name}`, redact(present));
    }
    return { kind: 'done', detail: `kept describe output, events and logs of ${pods.length} pods of ${application}` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'keeping evidence' }),
  verify: verifiedByPolling,
});

async function unlessGone(described: Promise<string>): Promise<string | undefined> {
  try {
    return await described;
  } catch (error) {
    if (isPortError(error) && error.code === 'notFound') return undefined;
    throw error;
  }
}
