// Cutting an application off while a breach is answered, in a way that keeps its copies (runbook 7.1, corrected: zero replicas would
// destroy what they know).
//
//   write down what is there ─▶ let nothing in or out, and see that it is not heard any more
//
// Invariants
//   C1. Only what people asked for by name is cut off, and only where somebody may approve that it is lifted again.
//   C2. Whoever is cut off is not restarted: its copies are evidence. It reads no new key, and lets nobody in by the old one.
//   C3. Where it can't be shown to be cut off, it is restarted like every other reader.

import { seconds, minutes } from '../core/time.ts';
import type { GuardBlock } from '../plan/plan.ts';
import type { IsolationStatus } from '../ports/isolation.ts';
import { targetId } from '../system/names.ts';
import type { Application, System } from '../system/system.ts';
import type { StepDraft } from './steps.ts';

/** An application that people want cut off, with what is there now; a code where it could not be read. */
export interface IsolationWish {
  readonly application: Application;
  readonly status: IsolationStatus | string;
}

/** Steps, and the applications that they cut off. */
export interface IsolationSteps {
  readonly drafts: readonly StepDraft[];
  /** The step that cuts an application off, by the application's id. */
  readonly by: ReadonlyMap<string, string>;
  readonly warnings: readonly GuardBlock[];
}

/** The steps that cut applications off. */
export function isolationSteps(system: System, wishes: readonly IsolationWish[]): IsolationSteps {
  const possible = system.approvals.perRunbook['lift-isolation'] === undefined ? [] : wishes;
  const cut = possible.flatMap(({ application, status }) =>
    typeof status === 'string' ? [] : [{ application, status }],
  );
  return {
    drafts: cut.flatMap(({ application, status }) => stepsOf(application, status)),
    by: new Map(cut.map(({ application: { id } }) => [id, `isolate-${id}`])),
    warnings: wishes
      .filter(({ application }) => !cut.some((done) => done.application.id === application.id))
      .map(({ application: { id }, status }) => warning(id, status)),
  };
}

function stepsOf(application: Application, status: IsolationStatus): readonly StepDraft[] {
  const { id } = application;
  const target = targetId(`application/${id}`);
  const how =
    application.kind === 'gke'
      ? 'a NetworkPolicy that lets nothing in or out of its pods'
      : 'its ingress set to internal, which load balancers are not';
  return [
    {
      id: `remember-${id}`,
      action: 'remember-isolation',
      input: { application: id, ingressBefore: status.kind === 'cloudRun' ? status.ingress : null },
      title: `Write down how ${id} is reached now`,
      target,
      needs: [],
      stage: 'prepare',
      estimate: seconds(1),
    },
    {
      id: `isolate-${id}`,
      action: 'isolate-application',
      input: { application: id },
      title: `Cut ${id} off: ${how}. Its copies stay, and its users are turned away until the isolation is lifted`,
      target,
      needs: [`remember-${id}`],
      stage: 'execute',
      optional: true,
      estimate: seconds(30),
      limit: minutes(10),
    },
  ];
}

const warning = (id: string, status: IsolationStatus | string): GuardBlock => ({
  guard: 'isolation',
  kind: 'brake',
  code: 'notIsolated',
  observed:
    typeof status === 'string'
      ? `${id} is not cut off: how it is reached can’t be read (${status})`
      : `${id} is not cut off: dr.yaml says nobody who could approve that it is lifted again`,
  limit: 'an isolation that can be lifted',
  clearsAtMs: null,
  openedBy: null,
});
