import { millis, seconds } from '../shared/core/time.ts';
import type { ActionContext, Catalogue } from '../shared/engine/action.ts';
import { drive, type Driver } from '../shared/engine/drive.ts';
import { dueAt } from '../shared/engine/next-move.ts';
import { event } from '../shared/incident/events.ts';
import { beginJournal, type JournalHome } from '../shared/log/journal.ts';
import { planDigest, stepId } from '../shared/plan/plan.ts';
import { createSystemChance } from '../shared/providers/system-chance.ts';
import { createSystemClock } from '../shared/providers/system-clock.ts';
import type { Store } from '../shared/ports/store.ts';
import { openFirestoreStore } from '../shared/store/firestore-store.ts';
import { openSqliteStore } from '../shared/store/sqlite-store.ts';
import { incidentId } from '../shared/system/names.ts';
import { planOf, step } from '../test/engine/rehearsal.ts';
import { effectOf, type Play, playAsTold } from './step-player.ts';

// The runs as incidents of ours, performed by the real engine on the store that `SQLITE` (a file) or `FIRESTORE` (an emulator's host)
// names. A step is one destructive action: looked at, its intent written, its effect, verified, its outcome written.

const [clock, systemChance] = [createSystemClock(), createSystemChance()];

/** Short, so that a successor need not wait long for what a killed worker held; it costs a renewal every two seconds. */
const LEASE = seconds(6);

function openStore(): Store {
  const { SQLITE, FIRESTORE } = process.env;
  if (SQLITE !== undefined) return openSqliteStore({ path: SQLITE, clock });
  if (FIRESTORE === undefined) throw new Error('no store is named');
  const server = { kind: 'emulator', host: FIRESTORE } as const;
  return openFirestoreStore({ project: 'dr-bench', database: 'bench', server, timeOf: (google) => google });
}

const store = openStore();

const home: JournalHome = {
  store,
  clock,
  chance: systemChance,
  summarise: (state, now) => ({
    dueAt: dueAt(state, now, LEASE),
    targets: [state.target],
    summary: { phase: state.phase.kind },
  }),
};

const catalogue: Catalogue = {
  set: {
    kind: 'set',
    risk: 'destructive',
    repeat: 'terminal',
    observe: async () => ({ kind: 'toDo', version: null }),
    start: async ({ number }) => {
      await effectOf(Number(number));
      return { kind: 'done', detail: 'done' };
    },
    poll: async () => ({ kind: 'done', detail: 'done' }),
    verify: async () => ({ ok: true, detail: 'done' }),
  },
};

const driver = (): Driver => ({
  role: 'recover',
  worker: systemChance.uuid(),
  clock,
  chance: systemChance,
  leases: store.leases,
  guards: {
    confirmationWindow: seconds(60),
    holdTime: seconds(60),
    budgets: [],
    cooldown: seconds(60),
    massFailure: { targets: 5, window: seconds(60) },
    lease: LEASE,
    clockSkew: seconds(1),
    lateArrival: seconds(60),
  },
  catalogue,
  budget: seconds(480),
  context: (state, run, intentAt) => ({ state, run, intentAt, clock }) as unknown as ActionContext, // the action uses none of it
  mayPrepare: async () => [],
  mayStart: async () => ({ kind: 'go' }),
  otherRun: async () => undefined,
  refusal: async () => undefined,
  began: async () => undefined,
  ended: async () => undefined,
});

async function perform({ run, steps }: Play): Promise<void> {
  const plan = planOf(
    Array.from({ length: steps }, (_, index) =>
      step(`step-${index + 1}`, {
        input: { number: index + 1 },
        needs: index === 0 ? [] : [stepId(`step-${index}`)],
        undo: { kind: 'nothing' },
      }),
    ),
  );
  const digest = planDigest(plan);
  const [approval, approver] = ['apr-1', 'ann'];
  const journal = await beginJournal(
    incidentId(run),
    [
      event('opened', {
        dedupeKey: run,
        source: 'command',
        target: 'thing/one',
        runbook: null,
        headline: 'a bench',
        drill: false,
      }),
      event('planDrawn', { plan, digest, evidence: 'e', needsApproval: true, performed: true }),
      event('approvalAsked', {
        approval,
        planDigest: digest,
        evidence: 'e',
        lossLimitMs: 0,
        approvers: [approver],
        quorum: 1,
        expiresAt: clock.now() + seconds(900),
        startWithinMs: seconds(600),
        opens: [],
      }),
      event('decided', { approval, approver, identity: null, decision: 'approve', token: 't' }),
    ],
    home,
  );
  for (;;) {
    const outcome = await drive(journal, driver());
    if (outcome.kind === 'ended') break;
    // Somebody who was killed holds it still; the product's `tick` would look again in a minute.
    if (outcome.kind !== 'later') throw new Error(`the run stopped: ${outcome.kind}`);
    await clock.sleep(millis(100));
    await journal.refresh();
  }
  const { phase } = journal.state();
  if (phase.kind !== 'resolved') throw new Error(`the run ended as ${phase.kind}`);
}

// The first run of a process opens connections and loads what the store needs.
await store.log.head(incidentId('inc-aaaaaaaaaa'));
playAsTold(perform);
