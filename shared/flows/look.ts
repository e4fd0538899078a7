import { WATCHES } from '../actions/await-relief.ts';
import { COUNTED_WITHIN, countsRefusals } from '../classify/crowding.ts';
import { diagnose } from '../classify/diagnose.ts';
import { type Facts, factsText } from '../classify/facts.ts';
import { understoodFacts } from '../classify/stored-facts.ts';
import { z } from 'zod';
import { after, between, type Instant, minutes, millis } from '../core/time.ts';
import { nextLook } from '../engine/next-move.ts';
import { brakesFor, promotionIn, wallsFor } from '../guards/guards.ts';
import { readKillSwitch } from '../guards/kill-switch.ts';
import { readLedger } from '../guards/run-ledger.ts';
import { type Conclusion, decideLook } from '../incident/decide.ts';
import { wasAlerted } from '../incident/breach-pages.ts';
import { leftRaised, raiseRefused } from '../incident/left-raised.ts';
import { runsThatCount } from '../incident/runs.ts';
import { amidst } from '../incident/mass-failure.ts';
import type { IncidentState } from '../incident/state.ts';
import type { Journal } from '../log/journal.ts';
import { momentNamed } from '../ports/recovery-words.ts';
import { lostRegionOf, targetsIn } from '../system/regions.ts';
import {
  approvalId,
  type IncidentId,
  MODES,
  type Mode,
  type RunbookName,
  type TargetId,
  targetId,
} from '../system/names.ts';
import type { Database, System } from '../system/system.ts';
import {
  databaseWith,
  dependenciesOf,
  isAboutBackups,
  isAboutRows,
  isSystemTarget,
  modeFor,
  type TargetRef,
  targetOf,
  targetsOf,
} from '../system/topology.ts';
import { digestOf } from '../core/digest.ts';
import { afterAppend } from './after-append.ts';
import { drawPlan } from './draw-plan.ts';
import { gatherFacts } from './gather.ts';
import type { RecoveryWish } from './gather-recovery.ts';
import type { RestoreWish } from './gather-restore.ts';
import { deskOf, Looker } from './desk.ts';
import { journalOf, whereUnderstood, type WorldHome } from './flow-home.ts';
import { togetherWith } from './mass-failure.ts';

// Looks at the world for an incident until it is named, and says what follows: a plan, an approval, a wait, or a person.
//
// L1. It only reads the protected system. What it finds is kept as evidence before anything is concluded from it.
// L2. A failure is named only from several rounds that span the confirmation window; earlier rounds are read back from the
//     evidence, so a worker that dies loses none of them.

/** Clock time that one invocation looks before it leaves the rest to `tick`. */
const LOOK_BUDGET = minutes(6);

/** How long a delivery that waits for looks takes on those of others: with their own time it is still below the 9 minutes. */
const ADOPTS_FOR = minutes(1);

/** Rounds that one invocation makes at the most. */
const ROUNDS_MAX = 40;

/** Former rounds that are read back: a trickle of signals makes many of them within one confirmation window. */
const ROUNDS_READ = 40;

/**
 * Looks at the incident as often as it asks for, and goes on waiting between rounds while the next one is near. One delivery of a
 * process does; others that come for the same incident make it look again and leave.
 */
export async function lookAt(id: IncidentId, home: WorldHome): Promise<void> {
  const desk = deskOf(home.store);
  if (!desk.watch(id)) return;
  try {
    const stopAt = after(home.clock.now(), LOOK_BUDGET);
    do
      await whereUnderstood(
        id,
        home,
        () => lookUntil(stopAt, id, home),
        () => undefined,
      );
    while (!desk.leave(id) && home.clock.now() < stopAt);
  } finally {
    desk.drop(id);
  }
}

async function lookUntil(stopAt: Instant, id: IncidentId, home: WorldHome): Promise<void> {
  const journal = await journalOf(id, home);
  if (journal === undefined) return;
  const { store, clock, chance } = home;
  const desk = deskOf(store);
  const holder = `${home.instance}/${chance.uuid()}`;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const state = await journal.refresh();
    const move = nextLook(state, clock.now());
    if (move.kind === 'wait' && isNear(state, move.until, stopAt)) {
      await desk.sleepOn(id, () => clock.sleep(millis(Math.max(1, move.until - clock.now()))));
      continue;
    }
    if (move.kind !== 'look') return;
    if (!(await desk.look(() => lookUnderLease(journal, holder, home)))) return;
    await afterAppend(journal.state(), home);
  }
}

/** One round, unless another process is at it: then `false`. */
async function lookUnderLease(journal: Journal, holder: string, home: WorldHome): Promise<boolean> {
  const { leases } = home.store;
  const lease = await leases.acquire(`look/${journal.id}`, holder, home.system.guards.lease);
  if (lease.kind === 'taken') return false;
  try {
    // What another one has seen meanwhile may have answered the question.
    if (nextLook(await journal.refresh(), home.clock.now()).kind === 'look') await lookOnce(journal, home);
    return true;
  } finally {
    await leases.release(lease.lease);
  }
}

/**
 * Does `work`, which may begin looks that go on beside it, and waits for their end: nothing is left running behind. Rejects with the
 * first failure. Of the deliveries of one process one waits for the looks of all, or a storm would fill it with deliveries that wait.
 */
export async function withLooks(
  home: WorldHome,
  work: (look: (incidents: readonly IncidentId[]) => void) => Promise<unknown>,
): Promise<void> {
  const desk = deskOf(home.store);
  const own = new Looker(after(home.clock.now(), ADOPTS_FOR));
  const look = (incidents: readonly IncidentId[]): void => {
    const looker = desk.lookerAt(home.clock.now()) ?? own;
    if (looker === own) desk.looker = own;
    for (const id of incidents) looker.take(lookAt(id, home));
  };
  try {
    await work(look);
  } finally {
    await own.ended();
    if (desk.looker === own) desk.looker = undefined;
  }
  own.tell();
}

/** Waiting for the next round is worth while only while nothing but looking has to happen. */
const isNear = (state: IncidentState, until: Instant, stopAt: Instant): boolean =>
  (state.phase.kind === 'suspected' || state.phase.kind === 'waiting') && until < stopAt;

/** One round: gather, keep, name, draw, decide. */
export async function lookOnce(journal: Journal, home: WorldHome): Promise<void> {
  const { store, clock, system } = home;
  const state = journal.state();
  const round = state.rounds + 1;
  const about = [...new Set([state.target, ...state.targets])];
  const isWhole = about.some(isSystemTarget);
  const lost = about.flatMap((id) => lostRegionOf(system, id) ?? []);
  const backups = about.filter(isAboutBackups).flatMap((id) => databaseAt(id, system));
  // Of a breach that only an audit log tells of there is nothing to see.
  const isReported = isWhole && state.requested !== null;
  const scope = isWhole
    ? targetsOf(system).filter(() => isReported)
    : [
        ...about.filter((id) => !isAboutBackups(id)).flatMap((id) => targetOf(system, id) ?? []),
        ...lost.flatMap((region) => targetsIn(system, region)),
      ];
  const opens = await acceptedVerbs(state.id, home);
  const facts = await gatherFacts(
    [...scope, ...scope.flatMap((ref) => dependenciesOf(system, ref))],
    { system, world: home.world, clock, chance: home.chance, documents: store.documents },
    round,
    {
      restores: restoreWish(state),
      backups,
      recovery: recoveryWish(state, opens),
      secrets: isReported ? system.rotation.map(({ name }) => name) : [],
      evidenceBucket: isReported ? system.forensics?.bucket : undefined,
      isolations: isolationsWanted(state, scope),
      regions: lost,
    },
  );
  const digest = await store.evidence.keep(factsText(facts));
  const rounds = [...(await formerRounds(state, facts, home)), facts];
  const now = clock.now();
  const named = diagnose({
    rounds,
    system,
    state,
    now,
    incident: state.id,
    alerted: wasAlerted(state) ? state.headline : undefined,
    raisedInVain: hasRaisedInVain(state),
    leftRaised: leftRaised(state),
    raiseRefused: raiseRefused(state),
    verbs: opens,
  });
  // From the beginning of this look: one that waits for whoever does not answer must not put the next too far away (L2).
  const { lookAgainInMs: pause } = named;
  const lookAgainInMs = pause === null ? null : Math.max(0, pause - between(facts.at, clock.now()));
  const diagnosis = { ...named, lookAgainInMs, evidence: digest };
  const runbook = diagnosis.runbook;
  const ledger = runbook === null ? undefined : await readLedger(store.documents, targetId(diagnosis.target));
  const asked =
    runbook === null || ledger === undefined
      ? undefined
      : { system, runbook, target: targetId(diagnosis.target), ledger, now, incident: state.id };
  const together = await togetherWith(state, home);
  const frozen = state.thawed ? [] : together.targets;
  const brakes = asked === undefined ? [] : brakesFor({ ...asked, together: frozen });
  const drawn =
    diagnosis.conclusion === 'act'
      ? drawPlan(system, state.id, diagnosis, facts, { warnings: brakes, opens })
      : undefined;
  const walls = wallsFor(
    await readKillSwitch(store.documents),
    drawn?.kind === 'plan' ? promotionIn(drawn.plan, system) : undefined,
  );
  if (drawn?.kind === 'none') home.note('no plan can be drawn', { incident: state.id, because: drawn.because });
  const mode = runbook === null ? 'approve' : await modeNow(runbook, home);
  await journal.append((current, at) => {
    const conclusion: Conclusion = {
      round,
      facts: digest,
      summary: diagnosis.reasons.map((reason) => reason.text),
      diagnosis:
        drawn?.kind === 'none'
          ? {
              ...diagnosis,
              conclusion: 'person',
              reasons: [...diagnosis.reasons, { code: 'noPlan', text: drawn.because }],
            }
          : diagnosis,
      plan: drawn?.kind === 'plan' ? drawn.plan : undefined,
      mode,
      brakes,
      walls,
      policy: runbook === null ? undefined : system.approvals.perRunbook[runbook],
      approval: approvalId(`apr-${digestOf({ incident: state.id, digest, round }).slice(0, 12)}`),
    };
    return amidst(together.mass, decideLook(current, conclusion, at), current);
  });
}

/** The database that a target is beside. */
function databaseAt(id: TargetId, system: System): readonly Database[] {
  const ref = targetOf(system, id);
  const database = ref?.kind === 'database' ? databaseWith(system, ref.instance) : undefined;
  return database === undefined ? [] : [database];
}

/** Applications that this incident is to cut off, or to let be reached again. */
const isolationsWanted = (state: IncidentState, scope: readonly TargetRef[]): readonly string[] =>
  state.requested === 'lift-isolation'
    ? scope.flatMap((ref) => (ref.kind === 'application' ? [ref.id] : []))
    : state.isolate;

/** What is looked at where a person wants a database restored, or one tenant's rows of it. */
function restoreWish({ requested, id, requestedMoment }: IncidentState): RestoreWish | undefined {
  if (requested === 'tenant-restore') return { incident: id, moment: requestedMoment };
  return requested === 'backup-restore' ? {} : undefined;
}

/**
 * What is looked at where a person wants rows brought back, or an alert tells that many change: the moment that was named with the
 * request counts until another is.
 */
const recoveryWish = (state: IncidentState, verbs: readonly string[]): RecoveryWish | undefined =>
  state.requested !== 'point-in-time-recovery' && (state.requested !== null || !isAboutRows(state.target))
    ? undefined
    : {
        incident: state.id,
        askedAt: state.firstSignalAt ?? state.openedAt,
        named: momentNamed(verbs) ?? state.requestedMoment,
      };

/** Whether a run of this incident gave its target more copies, and found anything but relief: it is not raised again. */
const hasRaisedInVain = (state: IncidentState): boolean =>
  runsThatCount(state).some(({ plan, steps }) =>
    plan.steps.some(({ id, action }) => {
      const progress = WATCHES.has(action) ? steps.get(id) : undefined;
      return progress?.kind === 'done' && progress.output !== null;
    }),
  );

const acceptedWire = z.object({ verbs: z.array(z.string()) });

/** Walls that an authenticated person wants opened for this incident; they count only in a plan that is then approved. */
async function acceptedVerbs(incident: IncidentId, { store }: WorldHome): Promise<readonly string[]> {
  const read = acceptedWire.safeParse((await store.documents.get(`accept/${incident}`))?.value);
  return read.success ? read.data.verbs : [];
}

/** The mode in force: an operator's change through an authenticated request, else the file's. */
async function modeNow(runbook: RunbookName, { store, system }: WorldHome): Promise<Mode> {
  const changed = (await store.documents.get(`control/mode/${runbook}`))?.value;
  const mode = typeof changed === 'object' && changed !== null && 'mode' in changed ? changed['mode'] : undefined;
  return MODES.find((known) => known === mode) ?? modeFor(system, runbook);
}

/**
 * Rounds of this incident that are young enough to count together with the present one (L2). Where a load balancer counts requests as
 * turned away they are of use for as long as its figures may be late.
 */
async function formerRounds(
  state: IncidentState,
  { at, applications }: Facts,
  { store, system }: WorldHome,
): Promise<readonly Facts[]> {
  const looks = state.evidence.filter(({ what }) => what.startsWith('look ')).slice(-ROUNDS_READ);
  const texts = await Promise.all(
    looks.map(({ digest }) => store.evidence.read(digest as Parameters<typeof store.evidence.read>[0])),
  ); // digests in the log are those that `keep` returned
  const usual = 2 * system.guards.confirmationWindow + minutes(1);
  const isCounted = applications.some((seen) => countsRefusals(seen, at));
  const oldest = after(at, -(isCounted ? Math.max(usual, COUNTED_WITHIN) : usual));
  return texts
    .flatMap((text) => (text === undefined ? [] : (understoodFacts(text) ?? [])))
    .filter((facts) => facts.at >= oldest);
}
