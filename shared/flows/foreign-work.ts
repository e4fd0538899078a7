import { after, instant, type Instant, type Millis } from '../core/time.ts';
import type { IncidentState, RunState } from '../incident/state.ts';
import type { OperationStatus } from '../ports/databases.ts';
import type { InstanceName } from '../system/names.ts';

// Foreign work is evidence (design.md section 6): an operation without our intent means that somebody else is acting.

/** Which operation of Cloud SQL each of our actions asks for. */
const OPERATIONS: Readonly<Record<string, string>> = {
  'restart-instance': 'RESTART',
  'failover-instance': 'FAILOVER',
  'stop-instance': 'UPDATE',
  'ask-stop': 'UPDATE',
  'start-instance': 'UPDATE',
  'promote-replica': 'PROMOTE_REPLICA',
  'protect-instance': 'UPDATE',
  'take-backup': 'BACKUP_VOLUME',
  'create-replica': 'CREATE_REPLICA',
  'create-copy': 'CREATE',
  'clone-at': 'CLONE',
  'mark-clone': 'UPDATE',
  'delete-clone': 'DELETE',
  'restore-copy': 'RESTORE_VOLUME',
  'create-database': 'CREATE_DATABASE',
  'import-dump': 'IMPORT',
};

/** They move no role, and hold a step back by their 409 alone: a breach response sets a password while a failover is thought over. */
const MOVING_NO_ROLE = new Set(['UPDATE_USER']);

/** Automatic operations of the platform: they hold a step back by their 409, but nobody is acting. */
const AUTOMATIC = new Set(['MAINTENANCE', 'AUTO_RESTART', 'BACKUP_VOLUME', 'BACKUP']);

/**
 * The first operation on the topology since the plan was drawn that is not ours. Ours are those whose handle is in our log, and
 * those of a kind and an instance for which we have an intent that is not newer than they are. Where one of that kind in our log names
 * who asked for it, nobody else's is ours: a person may start what we have just stopped, and both are an UPDATE.
 */
export function foreignOperation(
  operations: readonly OperationStatus[],
  state: IncidentState,
  run: RunState,
  skew: Millis,
): OperationStatus | undefined {
  const since = after(observedAt(run), -skew);
  const handles = new Set(run.operations);
  const intents = intentsOf(run);
  // What heal begins and recover goes on with is asked for by two of us, each for operations of its own types.
  const us = operations.filter(({ name, user }) => handles.has(name) && user !== undefined);
  const isByOthers = ({ type, user }: OperationStatus): boolean => {
    const alike = us.filter((own) => own.type === type);
    return alike.length > 0 && user !== undefined && !alike.some((own) => own.user === user);
  };
  return operations.find((operation) => {
    if (operation.insertedAt < since && operation.state === 'done') return false;
    if (handles.has(operation.name) || AUTOMATIC.has(operation.type) || MOVING_NO_ROLE.has(operation.type))
      return false;
    if (isFormer(operation, state)) return false;
    if (isByOthers(operation)) return true;
    return !intents.some(
      (intent) =>
        intent.type === operation.type &&
        intent.instance === operation.instance &&
        operation.insertedAt >= after(intent.at, -skew),
    );
  });
}

/** When the plan's facts were observed; foreign work is what came after that. */
const observedAt = (run: RunState): Instant =>
  instant(typeof run.plan.bounds['observedAtMs'] === 'number' ? run.plan.bounds['observedAtMs'] : run.drawnAt);

/** Work that was found before is told once. */
const isFormer = (operation: OperationStatus, state: IncidentState): boolean =>
  state.foreignWork.some((known) => known.what.includes(operation.name) && known.instance === operation.instance) &&
  state.run?.drawnAt !== undefined &&
  operation.insertedAt < state.run.drawnAt;

function intentsOf(
  run: RunState,
): readonly { readonly type: string; readonly instance: InstanceName; readonly at: Instant }[] {
  return run.plan.steps.flatMap((step) => {
    const undo =
      step.undo.kind === 'action' ? [{ direction: 'undo', action: step.undo.action, input: step.undo.input }] : [];
    return [{ direction: 'do', action: step.action, input: step.input }, ...undo].flatMap(
      ({ direction, action, input }) => {
        const at = run.intents.get(`${direction}:${step.id}`);
        const type = OPERATIONS[action];
        const instance =
          input['copy'] ?? (action === 'create-replica' ? input['replica'] : (input['instance'] ?? input['replica']));
        return at === undefined || type === undefined || typeof instance !== 'string'
          ? []
          : [{ type, instance: instance as InstanceName, at }]; // the action's schema checked it
      },
    );
  });
}
