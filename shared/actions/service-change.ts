import { seconds } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';

/** Between two looks at an operation of Cloud Run: users wait for it, and its API takes far more than that. */
const SOON = seconds(1);

/** How a change of a service goes on; without its operation's name, which a lost reply took along, the service itself is asked. */
export async function pollService(
  operation: string | null,
  application: string,
  { world }: ActionContext,
): Promise<Progress> {
  const { done, error } =
    operation === null
      ? { done: (await world.services.inspect(application)).settled, error: undefined }
      : await world.services.operation(operation);
  if (!done) return { kind: 'running', handle: { operation }, detail: 'Cloud Run is carrying it out', again: SOON };
  if (error !== undefined)
    return { kind: 'failed', failure: failure('permanent', 'operationFailed', `Cloud Run refused: ${error}`) };
  return { kind: 'done', detail: 'Cloud Run has carried it out' };
}
