import { dataOf } from '../../sandbox/world/broker-message.ts';
import { BreakRefused } from '../../sandbox/world/disasters.ts';
import type { ApiFaultKind } from '../../sandbox/world/faults.ts';
import type { ApiOutcome } from '../../sandbox/world/kernel.ts';
import { functionPrincipal, OPERATOR, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { REFERENCE_BUCKET, REFERENCE_EVIDENCE } from '../../sandbox/world/reference-world.ts';
import { DELETER } from '../../sandbox/world/row-disasters.ts';
import { bodyOf, isSpoilt, textIn } from '../../sandbox/world/sql-schema.ts';
import { SqlTables } from '../../sandbox/world/sql-tables.ts';
import type { World } from '../../sandbox/world/world.ts';
import { monitoringAgent } from '../../sandbox/world/service-agents.ts';
import { after, instant, toIso } from '../../shared/core/time.ts';
import { FUNCTIONS } from '../../shared/system/names.ts';
import { type Chronicled, isUnclaimed } from './chronicle.ts';
import { forge } from './forgery.ts';
import type { People } from './people.ts';
import { type Deed, type Handiwork, labelOf, type Trigger } from './plot.ts';
import type { Stage } from './stage.ts';

// Makes things happen. Each is written down with where the run stood, which is what the coverage table counts.

/** Schedules everything that the plot says. */
export function play(stage: Stage, people: People): void {
  const { clock, chronicle, plot, world } = stage;
  for (const { trigger, deed } of plot.happenings) {
    if (trigger.kind === 'at') {
      clock.schedule(after(world.startedAt, trigger.ms), () => perform(deed, stage, people));
      continue;
    }
    let isDone = false;
    chronicle.listen((entry) => {
      if (isDone || !isMoment(trigger, entry) || clock.now() > world.startedAt + plot.faultsUntilMs) return;
      isDone = true;
      clock.schedule(after(clock.now(), trigger.ms), () => perform(deed, stage, people));
    });
  }
  clock.schedule(after(world.startedAt, plot.faultsUntilMs), () => calm(stage));
}

/** Whether this event is what the trigger waits for. */
function isMoment(trigger: Exclude<Trigger, { readonly kind: 'at' }>, { event, state }: Chronicled): boolean {
  if (trigger.kind === 'event') return event.kind === trigger.event && !isUnclaimed(state);
  if (event.kind !== 'stepStarted') return false;
  const step = state.run?.plan.steps.find(({ id }) => id === event.data.step);
  const begun = event.data.direction === 'do' ? step?.action : step?.undo.kind === 'action' ? step.undo.action : '';
  return begun === trigger.action;
}

/** Faults that are nobody's disaster end. */
function calm({ world }: Stage): void {
  world.kernel.faults.clear();
  world.disasters.mend('network');
  world.disasters.mend('functions-cut-from-primary');
}

function perform(deed: Deed, stage: Stage, people: People): void {
  const { chronicle, clock, processes, weather, witness, world } = stage;
  const met = (): void => {
    witness.meetings.push({ at: instant(clock.now()), what: labelOf(deed), positions: chronicle.positions() });
  };
  switch (deed.kind) {
    case 'break':
      if (broken(() => world.disasters.break(deed.fault, deed.target, deed.variant))) met();
      return;
    case 'mend':
      if (world.disasters.mend(deed.fault).length > 0) met();
      return;
    case 'hand':
      met();
      witness.hands.push({ at: instant(clock.now()), what: deed.what, accepted: lendAHand(deed.what, stage) });
      return;
    case 'operate':
      met();
      void people.operate(deed.operation);
      return;
    case 'calls':
      world.kernel.faults.inject({
        what: deed.what,
        on: { principal: functionPrincipal(deed.of), ...(deed.writes ? { writes: true } : {}) },
        count: deed.count,
      });
      return;
    case 'weather': {
      const ends = FUNCTIONS.map((name) =>
        world.kernel.faults.draw({ on: { principal: functionPrincipal(name) }, rates: deed.rates }),
      );
      clock.schedule(after(clock.now(), deed.lastsMs), () => {
        for (const end of ends) end();
      });
      return;
    }
    case 'blow':
      processes.deal(deed.of, deed.blow);
      return;
    case 'regionLost':
      met();
      processes.lose(deed.region);
      clock.schedule(after(clock.now(), deed.lastsMs), () => processes.giveBack(deed.region));
      return;
    case 'storeOutage': {
      const from = instant(clock.now());
      weather.breakOff({ from, until: after(from, deed.lastsMs), how: deed.how });
      met();
      return;
    }
    case 'forge':
      void forge(deed.what, stage).then((isForged) => {
        if (isForged) met();
      });
      return;
    case 'garbage':
      met();
      stage.pubsub.publish({ principal: monitoringAgent(world.project), from: 'google' }, 'dr-alerts', [
        { data: dataOf(deed.text), attributes: {} },
      ]);
      return;
  }
}

/** Counts what strikes calls of the functions that act. */
export function countStrikes({ chronicle, clock, witness, world }: Stage): void {
  const workers = new Set([functionPrincipal('heal'), functionPrincipal('recover')]);
  world.kernel.faults.listen(({ kind }: ApiFaultKind, { api, principal }) => {
    if (api === 'pubsub' || !workers.has(principal)) return;
    witness.meetings.push({ at: instant(clock.now()), what: `call ${kind}`, positions: chronicle.positions() });
  });
}

/** `false` when that can't be broken now. */
function broken(strike: () => unknown): boolean {
  try {
    strike();
    return true;
  } catch (error) {
    if (error instanceof BreakRefused) return false;
    throw error;
  }
}

/** A person with gcloud or kubectl; whether the API took it. */
function lendAHand(what: Handiwork, { world }: Stage): boolean {
  const caller = { principal: OPERATOR, from: 'internet' };
  const { admin } = world.sql;
  const primary = 'coditect-dms-db';
  const took = (outcome: ApiOutcome<unknown>): boolean => outcome.kind === 'answer';
  switch (what) {
    case 'promoteReplica':
      return took(admin.promoteReplica(caller, 'coditect-dms-db-replica'));
    case 'promoteEast':
      return took(admin.promoteReplica(caller, 'coditect-dms-db-east'));
    case 'stopPrimary':
      return took(admin.patch(caller, primary, { settingsVersion: 0, activationPolicy: 'NEVER' }));
    case 'startPrimary':
      return took(admin.patch(caller, primary, { settingsVersion: 0, activationPolicy: 'ALWAYS' }));
    case 'restartPrimary':
      return took(admin.restart(caller, primary));
    case 'replaceDump': {
      const bucket = REFERENCE_BUCKET.name;
      const name = world.storage.list(bucket, { prefix: 'daily/' }).at(-1)?.name ?? '';
      const description = { contentType: 'application/gzip', metadata: {} };
      const draft = { name, content: Buffer.from('another one'), description };
      return took(world.storageApi.insert(caller, bucket, draft, {}));
    }
    case 'closeEvidence':
      return took(world.storageApi.setPolicy(caller, REFERENCE_EVIDENCE.name, [], undefined));
    case 'closeUsers':
      world.kernel.iam.revoke(functionPrincipal('recover'), ['cloudsql.users.update']);
      return true;
    case 'changePassword':
      return took(admin.updateUser(caller, primary, REFERENCE.databaseUser, 'of-the-thief'));
    case 'cloneByHand':
      return took(admin.clone(caller, primary, REFERENCE.clones[0], undefined));
    case 'addPaymentKey':
      return took(world.secretsApi.addVersion(caller, REFERENCE.paymentSecret, Buffer.from('sk_live_anew')));
    case 'mendRow':
      return mendRow(primary, world);
    case 'setLimits':
      return took(
        world.runApi.updateService(caller, {
          ref: { location: REFERENCE.region, service: REFERENCE.api },
          etag: undefined,
          validateOnly: false,
          edit: (present) => ({ ...present, scaling: { mode: 'AUTOMATIC', min: 2, max: 5, manual: undefined } }),
        }),
      );
    case 'setFloor': {
      const about = { namespace: REFERENCE.namespace, name: REFERENCE.api };
      const patch = { type: 'merge', body: { spec: { minReplicas: 4 } } } as const;
      return took(world.kubernetes.api.patch(caller, 'HorizontalPodAutoscaler', about, patch));
    }
    case 'scaleApi': {
      const about = { namespace: REFERENCE.namespace, name: REFERENCE.api };
      const patch = { type: 'merge', body: { spec: { replicas: 4 } } } as const;
      return took(world.kubernetes.api.patchScale(caller, 'Deployment', about, patch));
    }
  }
}

/** Somebody at psql who knows what the oldest of the spoilt documents said; whether there was one. */
function mendRow(instance: string, { sql, kernel }: World): boolean {
  const { servers } = sql.fleet;
  const spoilt = SqlTables.of(sql.fleet.server(instance).history).rows('documents').filter(isSpoilt);
  const [before] = spoilt.toSorted((a, b) => (textIn(a, 'created_at') < textIn(b, 'created_at') ? -1 : 1));
  if (before === undefined) return false;
  const row = { ...before, body: bodyOf(textIn(before, 'request_id')), updated_at: toIso(kernel.clock.now()) };
  const changes = [{ kind: 'update', table: 'documents', before, row } as const];
  return servers.write('internet', instance, { kind: 'transaction', writer: DELETER, changes }).kind === 'written';
}
