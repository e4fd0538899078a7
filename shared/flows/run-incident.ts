import { minutes } from '../core/time.ts';
import { verifyDecisions, type Verification } from '../approvals/verify-decisions.ts';
import type { ActionContext, Catalogue } from '../engine/action.ts';
import { type DriveOutcome, drive, type Driver } from '../engine/drive.ts';
import { nextMove, type Role } from '../engine/next-move.ts';
import { killSwitchGuard, readKillSwitch } from '../guards/kill-switch.ts';
import { brakesFor } from '../guards/guards.ts';
import { readLedger, recordEnd, recordStart, writeLedger } from '../guards/run-ledger.ts';
import { decideClosedApproval, decideStop } from '../incident/decide.ts';
import { held } from '../incident/telling.ts';
import { event, type NewEvent, type StepFailure } from '../incident/events.ts';
import {
  currentApproval,
  type IncidentState,
  insideCommittedSection,
  isPreparing,
  passedNoReturn,
  type RunState,
} from '../incident/state.ts';
import type { Journal } from '../log/journal.ts';
import { opensOf, type Plan } from '../plan/plan.ts';
import type { TokenVerifier } from '../ports/signing.ts';
import type { IncidentId } from '../system/names.ts';
import { isSystemTarget } from '../system/topology.ts';
import { afterAppend } from './after-append.ts';
import { journalOf, wake, whereUnderstood, type WorldHome } from './flow-home.ts';
import { foreignOperation } from './foreign-work.ts';
import { otherRunOn } from './other-run.ts';

/** Clock time that one invocation works before it hands over: eight of Cloud Run functions' nine minutes (decisions.md 7). */
export const WORK_BUDGET = minutes(8);

/** What heal and recover run on. `verifier` knows the public keys of the deployed configuration. */
export interface RunHome extends WorldHome {
  readonly role: Role;
  readonly catalogue: Catalogue;
  readonly verifier: TokenVerifier;
}

/** Goes on with an incident's run as far as this role may; safe to call at any time and any number of times. */
export function runIncident(id: IncidentId, home: RunHome): Promise<DriveOutcome> {
  return whereUnderstood(
    id,
    home,
    () => goOn(id, home),
    (because) => ({ kind: 'later', because }),
  );
}

async function goOn(id: IncidentId, home: RunHome): Promise<DriveOutcome> {
  const journal = await journalOf(id, home);
  if (journal === undefined) return { kind: 'idle' };
  await closeApproval(journal, home);
  const outcome = await drive(journal, await driver(journal, home));
  const state = journal.state();
  await afterAppend(state, home, home.role);
  if (outcome.kind === 'again') await wake(home.role === 'heal' ? 'dr-heal' : 'dr-recover', state, home);
  return outcome;
}

async function closeApproval(journal: Journal, home: RunHome): Promise<void> {
  if (nextMove(journal.state(), home.clock.now()).kind !== 'closeApproval') return;
  await journal.append((state, now) => {
    const move = nextMove(state, now);
    return move.kind === 'closeApproval' ? decideClosedApproval(state, move.standing) : [];
  });
}

async function driver(journal: Journal, home: RunHome): Promise<Driver> {
  const { system, clock, chance, store } = home;
  const approvalOf = remembered((state: IncidentState, run: RunState) => verify(state, run, home));
  // A successor in the middle of a run needs the approved figures before its first step.
  const { run: current } = journal.state();
  if (current?.needsApproval === true && home.role === 'recover') await approvalOf.ask(journal.state(), current);
  return {
    role: home.role,
    worker: `${home.instance}/${chance.uuid()}`,
    clock,
    chance,
    leases: store.leases,
    guards: system.guards,
    catalogue: home.catalogue,
    budget: WORK_BUDGET,
    context: (state, run, intentAt) => context(journal, home, approvalOf.last(), { state, run, intentAt }),
    mayPrepare: async (state, run) => {
      const stop = killSwitchGuard(await readKillSwitch(store.documents));
      return [...(stop === undefined ? [] : [stop]), ...(await brakesOf(state, run, home))];
    },
    // Asked when it begins, and by the run of a whole system each time that it goes on (other-run.ts).
    otherRun: async (run) =>
      run.startedAt === undefined || isSystemTarget(run.plan.target)
        ? await otherRunOn(journal.id, run, home)
        : undefined,
    mayStart: async (state, run) => {
      const stop = killSwitchGuard(await readKillSwitch(store.documents));
      if (stop !== undefined)
        return {
          kind: 'no',
          // A switch that nobody can read holds the run back until the next try, and is no news of its own.
          events: (now, at) => (stop.code === 'killSwitchUnknown' ? [] : held(now, [stop], at)),
        };
      if (run.needsApproval) return afterVerification(await approvalOf.ask(state, run), home);
      const blocks = await brakesOf(state, run, home);
      if (blocks.length === 0) return { kind: 'go' };
      return {
        kind: 'no',
        events: () => [
          event('held', {
            blocks: [...blocks],
            until: Math.max(...blocks.map((block) => block.clearsAtMs ?? clock.now() + minutes(1))),
          }),
        ],
      };
    },
    refusal: async (step, state, run) => {
      const stop = killSwitchGuard(await readKillSwitch(store.documents));
      // The switch asks for "finish, hold or undo" inside the section; unanswered, the section is finished (design.md section 8).
      if (stop !== undefined && !insideCommittedSection(run))
        return { kind: 'wall', code: stop.code, detail: stop.observed, block: stop };
      // What only prepares needs no approval; heal's catalogue and permissions hold nothing that could hurt.
      const isUnasked = !run.needsApproval || (home.role === 'heal' && isPreparing(state, clock.now()));
      if (isUnasked && step.risk !== 'destructive') return undefined;
      const approval = await approvalOf.ask(state, run);
      if (approval.kind !== 'approved')
        return {
          kind: 'refused',
          code: 'approvalUnproved',
          detail: approval.kind === 'denied' ? `denied by ${approval.by}` : approval.because,
          block: null,
        };
      // What was confirmed before a step that had to wait for long may be over: then people are asked anew.
      if (step.committed && !isBegun(state, run) && clock.now() > approval.startBefore)
        return {
          kind: 'voided',
          code: 'approvalTooLate',
          detail: 'the approval came too late to begin on what can be taken back as a whole only',
          block: null,
        };
      return step.committed || step.risk === 'destructive' ? await foreignWork(journal, state, run, home) : undefined;
    },
    began: (run, state) =>
      writeLedger(store.documents, run.plan.target, (ledger) =>
        recordStart(ledger, { incident: state.id, startedAtMs: clock.now(), drill: state.drill }),
      ),
    ended: (run, state) =>
      writeLedger(store.documents, run.plan.target, (ledger) => recordEnd(ledger, state.id, clock.now())),
  };
}

/** What holds back what nobody asked for. */
const brakesOf = async (state: IncidentState, { plan }: RunState, { system, store, clock }: RunHome) =>
  brakesFor({
    system,
    runbook: plan.runbook,
    target: plan.target,
    ledger: await readLedger(store.documents, plan.target),
    now: clock.now(),
    incident: state.id,
  });

/** From here on a deny comes too late (design.md section 7): what was begun is finished, or taken back as a whole. */
const isBegun = (state: IncidentState, run: RunState): boolean =>
  insideCommittedSection(run) || passedNoReturn(run) || state.phase.kind === 'landing';

/** The approval, by its signatures; asked once for the same decisions, since neither tokens nor keys change under it. */
async function verify(state: IncidentState, run: RunState, home: RunHome): Promise<Verification> {
  const asked = currentApproval(state);
  if (asked === undefined) return { kind: 'unproved', because: 'there is no approval for this plan' };
  const inTime = asked.decisions.filter(({ decision }) => decision === 'approve');
  const approval = isBegun(state, run) ? { ...asked, decisions: inTime } : asked;
  const policy = home.system.approvals.perRunbook[run.plan.runbook];
  return await verifyDecisions({
    incident: state.id,
    planDigest: run.digest,
    approval,
    policy,
    identity: home.system.approvals.identity,
    people: home.system.people,
    verifier: home.verifier,
  });
}

function afterVerification(approval: Verification, home: RunHome): Awaited<ReturnType<Driver['mayStart']>> {
  switch (approval.kind) {
    case 'approved':
      if (home.clock.now() <= approval.startBefore) return { kind: 'go' };
      return { kind: 'no', events: (state) => voided(state, 'the approval came too late to start on') };
    case 'denied':
      return { kind: 'no', events: (state) => decideClosedApproval(state, 'denied') };
    case 'unproved':
      return {
        kind: 'no',
        events: (state) => [
          event('attemptRefused', { approval: currentApproval(state)?.id ?? null, because: approval.because }),
          ...decideStop(state, {
            kind: 'refused',
            code: 'approvalUnproved',
            detail: `the decisions in the log are no approval: ${approval.because}`,
            block: null,
          }),
        ],
      };
  }
}

const voided = (state: IncidentState, because: string): readonly NewEvent[] =>
  decideStop(state, { kind: 'voided', code: 'approvalTooLate', detail: because, block: null });

function context(
  journal: Journal,
  home: RunHome,
  approval: Verification | undefined,
  at: Pick<ActionContext, 'state' | 'run' | 'intentAt'>,
): Omit<ActionContext, 'stillOurs'> {
  const { system, world, clock, chance, store } = home;
  return {
    ...at,
    system,
    world,
    clock,
    chance,
    documents: store.documents,
    lossLimitMs: approval?.kind === 'approved' ? approval.lossLimitMs : 0,
    opens: approval?.kind === 'approved' ? opensOf(at.run.plan) : [],
    // Digests in the log are those that `keep` returned.
    kept: (digest) => store.evidence.read(digest as Parameters<typeof store.evidence.read>[0]),
    keep: async (what, text) => {
      const digest = await store.evidence.keep(text);
      await journal.append((state) =>
        state.evidence.some((known) => known.what === what && known.digest === digest)
          ? []
          : [event('evidenceKept', { what, digest })],
      );
    },
  };
}

/** Looks at the operations of the whole topology: one that is not ours stops the run and is told with who, what and when. */
async function foreignWork(
  journal: Journal,
  state: IncidentState,
  run: RunState,
  home: RunHome,
): Promise<StepFailure | undefined> {
  const { topology } = run.plan.bounds as { readonly topology?: readonly string[] }; // written by our own runbooks
  const lists = await Promise.all(
    (topology ?? []).map((instance) =>
      home.world.databases.operations(instance as Parameters<typeof home.world.databases.operations>[0]),
    ),
  ); // names come from dr.yaml through the plan
  const found = foreignOperation(
    lists.flat(),
    journal.state(),
    journal.state().run ?? run,
    home.system.guards.clockSkew,
  );
  if (found === undefined) return undefined;
  const who = found.user ?? 'somebody';
  const what = `${found.type} (${found.name})`;
  await journal.append((now) =>
    now.foreignWork.some((known) => known.what === what)
      ? []
      : [event('foreignWork', { who, what, when: found.insertedAt, instance: found.instance })],
  );
  return {
    kind: 'foreignWork',
    code: 'foreignOperation',
    detail: `${who} is acting on ${found.instance}: ${what} at ${new Date(found.insertedAt).toISOString()}; not asked for by this run (${state.id})`,
    block: null,
  };
}

/** Remembers an answer for as long as the plan and the decisions on it are the same. */
function remembered(ask: (state: IncidentState, run: RunState) => Promise<Verification>) {
  // The plan is compared by identity, which is cheap: one that was read anew is verified anew.
  let known: { readonly plan: Plan; readonly of: string; readonly answer: Verification } | undefined;
  return {
    ask: async (state: IncidentState, run: RunState): Promise<Verification> => {
      const approval = currentApproval(state);
      const of = `${approval?.id ?? ''}/${approval?.decisions.length ?? 0}/${isBegun(state, run)}`;
      if (known?.plan === run.plan && known.of === of && known.answer.kind === 'approved') return known.answer;
      known = { plan: run.plan, of, answer: await ask(state, run) };
      return known.answer;
    },
    last: (): Verification | undefined => known?.answer,
  };
}
