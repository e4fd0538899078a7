import { diagnose } from '../shared/classify/diagnose.ts';
import type { Facts as WorldFacts } from '../shared/classify/facts.ts';
import { type Instant, instant, millis, showDuration, toIso } from '../shared/core/time.ts';
import { drawPlan } from '../shared/flows/draw-plan.ts';
import { gatherFacts } from '../shared/flows/gather.ts';
import { brakesFor, promotionIn, wallsFor } from '../shared/guards/guards.ts';
import { readKillSwitch } from '../shared/guards/kill-switch.ts';
import { readLedger } from '../shared/guards/run-ledger.ts';
import type { Diagnosis } from '../shared/incident/diagnosis.ts';
import { showLossBound } from '../shared/plan/loss-bound.ts';
import { criticalPath, type GuardBlock, type Plan, planDigest } from '../shared/plan/plan.ts';
import { createSystemChance } from '../shared/providers/system-chance.ts';
import {
  incidentId,
  OF_A_MOMENT,
  type RunbookName,
  RUNBOOKS,
  type TargetId,
  targetId,
} from '../shared/system/names.ts';
import type { System } from '../shared/system/system.ts';
import { lostRegionOf, regionAim, targetsIn } from '../shared/system/regions.ts';
import {
  APPLICATION_OF,
  dependenciesOf,
  firstTargetOf,
  modeFor,
  targetIdOf,
  isSystemTarget,
  systemTarget,
  targetNamed,
  targetsOf,
  type TargetRef,
  targetOf as refOf,
  tenantOf,
} from '../shared/system/topology.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import { momentAsked } from './commands.ts';
import type { Ending } from './config.ts';
import { operatorOf } from './operator.ts';
import { paint } from './paint.ts';
import { openForReading } from './read-incidents.ts';
import { type Facts, Refusal } from './sandbox-facts.ts';

// `./dr plan RUNBOOK`: a dry run against the live world. It looks with the same code as `classify`, draws with the same
// runbooks, asks the same guards, and does nothing: a plan is the dry run.

/** What a dry run found. */
interface DryRun {
  readonly diagnosis: Diagnosis;
  readonly plan: Plan | undefined;
  readonly because: string | undefined;
  readonly guards: readonly GuardBlock[];
  readonly mode: string;
}

/** Looks once and draws the plan that this runbook would be, whether or not the diagnosis calls for it. */
export async function planCommand(
  facts: Facts,
  request: { readonly runbook: string; readonly target: string | undefined; readonly moment?: string | undefined },
  { json }: { readonly json: boolean },
): Promise<Ending> {
  const runbook = RUNBOOKS.find((known) => known === request.runbook);
  if (runbook === undefined)
    throw new Refusal(2, `there is no runbook ${request.runbook}; there are ${RUNBOOKS.join(', ')}`);
  const system = loadSystem(facts.config);
  const aim = aimOf(system, runbook, request.target);
  const found = await dryRun(system, { runbook, aim, moment: momentFor(runbook, request.moment) }, facts);
  if (json) return { exitCode: found.plan === undefined ? 3 : 0, stdout: `${JSON.stringify(found)}\n`, stderr: '' };
  return { exitCode: found.plan === undefined ? 3 : 0, stdout: show(found), stderr: '' };
}

/** What a dry run is about: a target of the file, a region, or the whole system. */
interface Aim {
  readonly id: TargetId;
  readonly ref: TargetRef | undefined;
}

function aimOf(system: System, runbook: RunbookName, named: string | undefined): Aim {
  if (APPLICATION_OF[runbook] === 'system') {
    if (named !== undefined) throw new Refusal(2, `${runbook} is about the whole system and takes no target`);
    return { id: systemTarget(system), ref: undefined };
  }
  if (runbook === 'tenant-restore') {
    const ref = named === undefined ? undefined : refOf(system, targetId(named));
    if (named === undefined || ref === undefined || tenantOf(named) === undefined)
      throw new Refusal(2, 'tenant-restore is about one tenant: --database INSTANCE --tenant KEY');
    return { id: targetId(named), ref };
  }
  if (APPLICATION_OF[runbook] === 'region') {
    const region = named ?? system.regions[0]?.region;
    const id = region === undefined ? undefined : regionAim(system, runbook, region);
    if (id === undefined)
      throw new Refusal(
        2,
        named === undefined ? `dr.yaml has nothing for ${runbook}` : `dr.yaml has no region ${named}`,
      );
    return { id, ref: undefined };
  }
  const ref = targetOf(system, runbook, named);
  return { id: targetIdOf(ref), ref };
}

function targetOf(system: System, runbook: RunbookName, named: string | undefined): TargetRef {
  const ref = named === undefined ? undefined : targetNamed(system, named);
  if (named !== undefined && ref === undefined) throw new Refusal(2, `dr.yaml has no target ${named}`);
  const chosen = ref ?? firstTargetOf(system, runbook);
  if (chosen === undefined) throw new Refusal(2, `dr.yaml has nothing for ${runbook}`);
  return chosen;
}

function momentFor(runbook: RunbookName, written: string | undefined): Instant | undefined {
  if (written === undefined) return undefined;
  if (!OF_A_MOMENT.has(runbook)) throw new Refusal(2, `${runbook} is about no moment`);
  return momentAsked(written);
}

async function dryRun(
  system: System,
  { runbook, aim, moment }: { readonly runbook: RunbookName; readonly aim: Aim; readonly moment: Instant | undefined },
  facts: Facts,
): Promise<DryRun> {
  const { id: target, ref } = aim;
  const { world, clock } = operatorOf(facts, system);
  const store = openForReading(facts.store);
  try {
    const region = lostRegionOf(system, target);
    const all = region === undefined ? targetsOf(system) : targetsIn(system, region);
    const seen = await gatherFacts(
      ref === undefined ? all : [ref, ...dependenciesOf(system, ref)],
      { system, world, clock, chance: createSystemChance(), documents: store.documents },
      1,
      {
        restores: runbook === 'backup-restore' || runbook === 'tenant-restore' ? { moment } : undefined,
        recovery: runbook === 'point-in-time-recovery' ? { askedAt: clock.now(), named: moment } : undefined,
        secrets: isSystemTarget(target) ? system.rotation.map(({ name }) => name) : [],
        evidenceBucket: isSystemTarget(target) ? system.forensics?.bucket : undefined,
        isolations: runbook === 'lift-isolation' && ref?.kind === 'application' ? [ref.id] : [],
        regions: region === undefined ? [] : [region],
      },
    );
    const now = clock.now();
    const id = incidentId('inc-aaaaaaaaaa');
    const state = {
      target,
      targets: [target],
      requested: runbook,
      openedAt: now,
      firstSignalAt: undefined,
      signals: 1,
      diagnosis: undefined,
    };
    const diagnosis = diagnose({ rounds: [seen], system, state, now });
    const ledger = await readLedger(store.documents, target);
    const brakes = brakesFor({ system, runbook, target, ledger, now, incident: id });
    const drawn = drawPlan(system, id, supposed(diagnosis, runbook, { id: target, ref }, seen), seen, {
      warnings: brakes,
      opens: [],
    });
    const plan = drawn.kind === 'plan' ? drawn.plan : undefined;
    const promotion = plan === undefined ? undefined : promotionIn(plan, system);
    const walls = wallsFor(await readKillSwitch(store.documents), promotion);
    return {
      diagnosis,
      plan,
      because: drawn.kind === 'none' ? drawn.because : undefined,
      guards: [...walls, ...brakes],
      mode: modeFor(system, runbook),
    };
  } finally {
    await store.close();
  }
}

/** The diagnosis as if it called for this runbook, so that its plan can be seen on a healthy day. */
function supposed(diagnosis: Diagnosis, runbook: RunbookName, { id, ref }: Aim, seen: WorldFacts): Diagnosis {
  if (diagnosis.runbook === runbook) return diagnosis;
  const application =
    ref?.kind === 'application' ? seen.applications.find((known) => known.application === ref.id) : undefined;
  const pods = application?.pods !== undefined && Array.isArray(application.pods) ? application.pods : [];
  const pod = pods.find((known) => !known.ready) ?? pods[0];
  const subject =
    application === undefined
      ? diagnosis.subject
      : pod === undefined
        ? { application: application.application }
        : { application: application.application, pod: pod.name, uid: pod.uid };
  return { ...diagnosis, runbook, target: id, subject };
}

function show({ diagnosis, plan, because, guards, mode }: DryRun): string {
  const lines = [
    `What is found now: ${diagnosis.scenario} (${diagnosis.confidence}) → ${diagnosis.conclusion}`,
    ...diagnosis.reasons.map(({ code, text }) => `  ${code}: ${text}`),
    '',
  ];
  if (plan === undefined) return `${[...lines, `No plan can be drawn: ${because ?? ''}`].join('\n')}\n`;
  lines.push(
    `Plan ${plan.runbook} on ${plan.target} (mode ${mode}, digest ${planDigest(plan).slice(0, 16)}), if the failure were confirmed:`,
  );
  for (const [index, step] of plan.steps.entries()) {
    const mark = step.committed ? '┃' : ' ';
    const note =
      step.undo.kind === 'pointOfNoReturn'
        ? '  (point of no return)'
        : step.undo.kind === 'action'
          ? `  (undo: ${step.undo.title})`
          : step.unless !== undefined
            ? '  (this and what follows: only if what comes before has not helped)'
            : '';
    lines.push(
      ` ${mark} ${String(index + 1).padStart(2)}. ${paint(step.risk === 'destructive' ? 'bad' : step.risk === 'safe' ? 'good' : 'info', `[${step.risk}]`)} ${step.title}${note}  ~${showDuration(millis(step.estimateMs))}`,
    );
  }
  lines.push('', `Estimate: about ${showDuration(criticalPath(plan))}. Loss: ${showLossBound(plan.lossBound)}.`);
  lines.push(
    guards.length === 0 ? 'Guards: nothing holds it back.' : 'Guards:',
    ...guards.map(
      (block) =>
        `  ${block.kind} ${block.guard}: ${block.observed} (limit ${block.limit})${block.clearsAtMs === null ? '' : `, clears ${toIso(instant(block.clearsAtMs))}`}${block.openedBy === null ? '' : `, opened by ${block.openedBy}`}`,
    ),
  );
  lines.push(
    ...plan.alternatives.map(
      (other) => `Alternative: ${other.text} (${other.possible ? 'possible' : 'not possible'}: ${other.because})`,
    ),
    `Failing back: ${plan.failback}`,
    '',
    'Nothing was done.',
  );
  return `${lines.join('\n')}\n`;
}
