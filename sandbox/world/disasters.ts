import { unreachable } from '../../shared/core/assert.ts';
import { after, type Instant, millis, minutes } from '../../shared/core/time.ts';
import { type FaultName, FAULTS } from './fault-catalogue.ts';
import { APIS, type ApiFaultKind, type Faults } from './faults.ts';
import type { Intruder } from './intruder.ts';
import { intrude, type IntrusionParts } from './intrusion.ts';
import type { Network, Place, WorldClock } from './kernel.ts';
import type { BadRevision, ClusterFaults } from './kubernetes-faults.ts';
import type { RunningJob } from './kubernetes-reference.ts';
import { LONG_LAG } from './sql-disasters.ts';
import { loseRegion, REGIONS } from './region-disasters.ts';
import type { Applications } from './application.ts';
import type { Run } from './run.ts';
import type { RunServiceRef } from './run-spec.ts';
import type { RunPressure } from './run-view.ts';
import type { Sql } from './sql.ts';
import type { PressedWorkload } from './workload-pressure.ts';

// Faults by name, as people break and mend them. A fault changes the simulated world and nothing else (decisions.md 17).

/** What is broken now. */
export interface ActiveFault {
  readonly name: FaultName;
  readonly target: string;
  readonly variant: string | undefined;
  readonly since: Instant;
}

/** A fault, target or variant that doesn't exist, or can't be broken now: the caller's mistake, in a sentence. */
export class BreakRefused extends Error {}

/** Where the functions run that watch this world; a world that is only modelled has none. */
export interface ControlRegions {
  /** Names of regions, the first one first. */
  regions(): readonly string[];
  /** Ends every function there at once. */
  lose(region: string): void;
  /** Lets them start again. */
  bring(region: string): void;
}

/** What faults reach. */
export interface DisasterParts {
  readonly clock: WorldClock;
  readonly network: Network;
  readonly faults: Faults;
  readonly sql: Sql;
  readonly enforcePolicies: (enforced: boolean) => void;
  readonly pods: Pick<ClusterFaults, 'hangPod' | 'unhangPod' | 'crashLoop' | 'badRevision' | 'stickPod'>;
  readonly run: Pick<Run, 'limitInstances' | 'press' | 'service'>;
  readonly applications: Pick<Applications, 'running'>;
  /** The load on the API on GKE. */
  readonly workload: Pick<PressedWorkload, 'press'>;
  /** The API on Cloud Run. */
  readonly service: RunServiceRef;
  readonly cluster: string;
  readonly namespace: string;
  readonly deployment: string;
  /** The instance that the application is told to use now. */
  readonly primaryInUse: () => string;
  /** Deploys the job that writes what is wrong. */
  readonly deployBulkImport: () => RunningJob;
  readonly intruder: Pick<Intruder, 'breakIn' | 'leave'>;
  readonly intrusion: IntrusionParts;
  readonly controlRegions: ControlRegions | undefined;
}

/** Instances that a crowd keeps busy: twice as many as the reference service may have. */
const CROWD = 8;

/** Pods that a crowd keeps busy: twice as many as the reference Deployment has. */
const BUSY_PODS = 6;

/** Probability with which an API fault strikes a call. */
const STRIKES = 0.5;

/** Breaks and mends the world. */
export class Disasters {
  readonly #parts: DisasterParts;
  readonly #active: { readonly fault: ActiveFault; readonly mend: () => void }[] = [];

  constructor(parts: DisasterParts) {
    this.#parts = parts;
  }

  active(): readonly ActiveFault[] {
    return this.#active.map(({ fault }) => fault);
  }

  /** Breaks something. Throws `BreakRefused`. Breaking twice is mended by one `mend`. */
  break(name: string, target?: string, variant?: string): ActiveFault {
    const known = nameOf(name);
    const variants: readonly string[] = FAULTS[known].variants;
    if (variant !== undefined && !variants.includes(variant)) {
      throw new BreakRefused(`${known} has no variant ${variant}; it has ${variants.join(', ') || 'none'}`);
    }
    const chosen = variant ?? variants[0];
    const { resolved, mend } = this.#strike(known, target, chosen);
    const fault = { name: known, target: resolved, variant: chosen, since: this.#parts.clock.now() };
    this.#active.push({ fault, mend });
    return fault;
  }

  /** Mends every active fault of that name, newest first; returns what was mended. */
  mend(name: string): readonly ActiveFault[] {
    const known = nameOf(name);
    const struck = this.#active.filter(({ fault }) => fault.name === known).toReversed();
    for (const entry of struck) {
      entry.mend();
      this.#active.splice(this.#active.indexOf(entry), 1);
    }
    return struck.map(({ fault }) => fault);
  }

  #strike(name: FaultName, target: string | undefined, variant: string | undefined): Struck {
    const { network, sql } = this.#parts;
    switch (name) {
      case 'primary-database': {
        const instance = this.#instance(target);
        if (variant === 'crashed') {
          sql.disasters.crash(instance);
          return { resolved: instance, mend: () => sql.disasters.mendCrash(instance) };
        }
        sql.disasters.breakZone(instance, variant === 'hangs' ? 'hangs' : 'refuses');
        return { resolved: instance, mend: () => sql.disasters.mendZone(instance) };
      }
      case 'network':
        return this.#cut(target ?? `cloudRun,sql/${this.#parts.primaryInUse()}`, variant !== 'one-way');
      case 'replica-lag': {
        const replica = this.#replica(target);
        sql.disasters.setLag(replica, LONG_LAG);
        return { resolved: replica, mend: () => sql.disasters.setLag(replica, millis(0)) };
      }
      case 'frozen-replica': {
        const replica = this.#replica(target);
        sql.disasters.freeze(replica, variant === 'receiver' ? 'receiver' : 'replay');
        return { resolved: replica, mend: () => sql.disasters.freeze(replica, 'no') };
      }
      case 'maintenance': {
        const instance = this.#instance(target);
        if (sql.fleet.operations.busyWith(instance) !== undefined) throw new BreakRefused(`${instance} is busy`);
        sql.disasters.maintain(instance);
        this.#forgetLater(name, instance);
        return { resolved: instance, mend: () => {} };
      }
      case 'data-corruption': {
        const instance = this.#instance(target);
        const where = target === undefined ? this.#parts.primaryInUse : (): string => instance;
        const job = this.#parts.deployBulkImport();
        const stop = sql.rowDisasters.corrupt(where, () => job.isRunning());
        const mend = (): void => {
          stop();
          job.end();
        };
        return { resolved: instance, mend };
      }
      case 'mass-delete': {
        const instance = this.#instance(target);
        const outcome = sql.rowDisasters.massDelete(instance, variant === 'table' ? 'table' : 'tenant');
        if ('refused' in outcome) throw new BreakRefused(`${instance} refuses: ${outcome.refused}`);
        return { resolved: instance, mend: () => {} };
      }
      case 'stop-not-carried-out': {
        const instance = this.#instance(target);
        sql.disasters.holdStops(instance, variant === 'doneWithoutEffect' ? 'doneWithoutEffect' : 'runsForever');
        return { resolved: instance, mend: () => sql.disasters.holdStops(instance, undefined) };
      }
      case 'failed-backups': {
        const instance = this.#instance(target);
        return { resolved: instance, mend: sql.disasters.failBackups(instance, variant === 'next' ? 'next' : 'all') };
      }
      case 'policies-not-enforced':
        this.#parts.enforcePolicies(false);
        return { resolved: this.#parts.cluster, mend: () => this.#parts.enforcePolicies(true) };
      case 'functions-cut-from-primary': {
        const instance = this.#instance(target);
        network.cut('functions', `sql/${instance}`);
        return { resolved: instance, mend: () => network.mend('functions', `sql/${instance}`) };
      }
      case 'api-throttling':
        return this.#drawApiFault(target, { kind: 'throttled' });
      case 'api-errors':
        return this.#drawApiFault(target, { kind: 'serverError' });
      case 'api-timeouts-with-effect':
        return this.#drawApiFault(target, { kind: 'loseReplyAfter' }, true);
      case 'cluster':
        return this.#cutOff(this.#ofNodes());
      case 'control-plane':
        return this.#cutOff(this.#ofControlPlane());
      case 'cloud-run-pressure':
        return this.#press(pressureOf(variant));
      case 'cloud-run-quota': {
        const { run, service } = this.#parts;
        run.limitInstances(run.service(service).spec.scaling.max);
        return { resolved: service.service, mend: () => run.limitInstances(undefined) };
      }
      case 'deployment-pressure': {
        const { workload, deployment } = this.#parts;
        workload.press(variant === 'stuck' ? { kind: 'stuck' } : { kind: 'crowded', pods: BUSY_PODS });
        return { resolved: deployment, mend: () => workload.press(undefined) };
      }
      case 'intrusion':
        return intrude(variant === 'password' || variant === 'role' ? variant : 'secret', this.#parts.intrusion);
      case 'leaked-secret': {
        const { intruder } = this.#parts;
        intruder.breakIn();
        return { resolved: 'the key of the sessions', mend: () => intruder.leave() };
      }
      case 'control-region':
        return this.#loseRegion(target);
      case 'region':
        return this.#loseProtected(target, variant);
      case 'bad-revision':
        return this.#deployBad(variant === 'config' || variant === 'crash' ? variant : 'image');
      case 'stuck-pod': {
        const { pods, namespace, deployment } = this.#parts;
        const { pod, mend } = orRefused(() => pods.stickPod({ namespace, name: deployment }));
        return { resolved: pod, mend };
      }
      case 'pod':
        return variant === 'all' ? this.#hangAllPods() : this.#hangPod(target);
      case 'crash-loop':
        return this.#crashLoop(variant === 'next' ? 'next' : 'this');
      default:
        return unreachable(name);
    }
  }

  #cut(target: string, bothWays: boolean): Struck {
    const [a, b, ...more] = target.split(',').map((place): Place => place.trim());
    if (a === undefined || b === undefined || more.length > 0 || a === '' || b === '') {
      throw new BreakRefused('network needs two places with a comma between them, such as pods,sql/coditect-dms-db');
    }
    const { network } = this.#parts;
    network.cut(a, b);
    if (bothWays) network.cut(b, a);
    const mend = (): void => {
      network.mend(a, b);
      if (bothWays) network.mend(b, a);
    };
    return { resolved: `${a},${b}`, mend };
  }

  /** Nobody reaches the API server, wherever from. */
  #ofControlPlane(): readonly (readonly [Place, Place])[] {
    const server: Place = `kubernetes/${this.#parts.cluster}`;
    return (['functions', 'internet'] as const).map((from) => [from, server]);
  }

  /** No load balancer reaches a pod, and no pod a database. */
  #ofNodes(): readonly (readonly [Place, Place])[] {
    const instances = this.#parts.sql.fleet.all().map(({ name }): readonly [Place, Place] => ['pods', `sql/${name}`]);
    return [...this.#ofControlPlane(), ['loadBalancer', 'pods'], ...instances];
  }

  #cutOff(ways: readonly (readonly [Place, Place])[]): Struck {
    const { network, cluster } = this.#parts;
    for (const [from, to] of ways) network.cut(from, to);
    return {
      resolved: cluster,
      mend: () => {
        for (const [from, to] of ways) network.mend(from, to);
      },
    };
  }

  #drawApiFault(target: string | undefined, kind: ApiFaultKind, writes?: true): Struck {
    const api = APIS.find((name) => name === target);
    if (target !== undefined && api === undefined) {
      throw new BreakRefused(`there is no API ${target}; there are ${APIS.join(', ')}`);
    }
    const on = { ...(api === undefined ? {} : { api }), ...(writes === undefined ? {} : { writes }) };
    const end = this.#parts.faults.draw({ on, rates: [[kind, STRIKES]] });
    return { resolved: api ?? 'all APIs', mend: end };
  }

  #loseRegion(target: string | undefined): Struck {
    const { controlRegions } = this.#parts;
    const regions = controlRegions?.regions() ?? [];
    const region = target ?? regions[0];
    if (controlRegions === undefined || region === undefined || !regions.includes(region))
      throw new BreakRefused(
        `no function of ours runs in ${region ?? 'any region'}; they run in ${regions.join(', ')}`,
      );
    controlRegions.lose(region);
    return { resolved: region, mend: () => controlRegions.bring(region) };
  }

  /** A region of the system, with whatever of ours runs there. */
  #loseProtected(target: string | undefined, variant: string | undefined): Struck {
    const { controlRegions } = this.#parts;
    const region = REGIONS.find((known) => known === (target ?? REGIONS[0]));
    if (region === undefined)
      throw new BreakRefused(`nothing of the system is in ${target ?? ''}; it is in ${REGIONS.join(', ')}`);
    const bring = loseRegion(region, variant === 'cut-off' ? 'cut-off' : 'lost', this.#parts);
    const isOurs = controlRegions?.regions().includes(region) === true;
    if (isOurs) controlRegions.lose(region);
    return {
      resolved: region,
      mend: () => {
        bring();
        if (isOurs) controlRegions.bring(region);
      },
    };
  }

  #hangPod(target: string | undefined): Struck {
    const { pods, namespace, deployment } = this.#parts;
    const which =
      target === undefined ? { deployment: { namespace, name: deployment } } : { pod: { namespace, name: target } };
    const name = orRefused(() => pods.hangPod(which));
    // A pod that was replaced in the meantime took its fault with it.
    const mend = (): void => {
      try {
        pods.unhangPod({ namespace, name });
      } catch {
        return;
      }
    };
    return { resolved: name, mend };
  }

  #hangAllPods(): Struck {
    const struck = [this.#hangPod(undefined)];
    for (;;) {
      try {
        struck.push(this.#hangPod(undefined));
      } catch (error) {
        if (!(error instanceof BreakRefused)) throw error;
        return { resolved: this.#parts.deployment, mend: () => struck.forEach(({ mend }) => mend()) };
      }
    }
  }

  #crashLoop(template: 'this' | 'next'): Struck {
    const { pods, namespace, deployment } = this.#parts;
    return { resolved: deployment, mend: orRefused(() => pods.crashLoop({ namespace, name: deployment }, template)) };
  }

  #deployBad(how: BadRevision): Struck {
    const { pods, namespace, deployment } = this.#parts;
    return { resolved: deployment, mend: orRefused(() => pods.badRevision({ namespace, name: deployment }, how)) };
  }

  #press(pressure: RunPressure): Struck {
    const { run, service } = this.#parts;
    run.press(service, pressure);
    return { resolved: service.service, mend: () => run.press(service, undefined) };
  }

  #instance(target: string | undefined): string {
    const name = target ?? this.#parts.primaryInUse();
    const instances = this.#parts.sql.fleet.all().map((instance) => instance.name);
    if (instances.includes(name)) return name;
    throw new BreakRefused(`there is no instance ${name}; there are ${instances.join(', ')}`);
  }

  #replica(target: string | undefined): string {
    const replicas = this.#parts.sql.fleet.all().filter(({ primary }) => primary !== undefined);
    const names = replicas.map(({ name }) => name);
    const nearest = replicas.find(({ primary }) => primary === this.#parts.primaryInUse());
    const name = target ?? nearest?.name ?? names[0];
    if (name !== undefined && names.includes(name)) return name;
    throw new BreakRefused(`there is no replica ${name ?? ''}; there are ${names.join(', ') || 'none'}`);
  }

  #forgetLater(name: FaultName, target: string): void {
    const { clock } = this.#parts;
    clock.schedule(after(clock.now(), minutes(3)), () => {
      const index = this.#active.findIndex(({ fault }) => fault.name === name && fault.target === target);
      if (index >= 0) this.#active.splice(index, 1);
    });
  }
}

interface Struck {
  readonly resolved: string;
  readonly mend: () => void;
}

function nameOf(text: string): FaultName {
  const names = Object.keys(FAULTS);
  const known = names.find((name): name is FaultName => name === text);
  if (known !== undefined) return known;
  throw new BreakRefused(`there is no fault ${text}; there are ${names.join(', ')}`);
}

function orRefused<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new BreakRefused(error instanceof Error ? error.message : String(error));
  }
}

function pressureOf(variant: string | undefined): RunPressure {
  if (variant === 'stuck' || variant === 'waiting') return { kind: variant };
  return { kind: variant === 'slow' ? variant : 'crowded', instances: CROWD };
}
