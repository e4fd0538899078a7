import { after, type Instant, millis } from '../../shared/core/time.ts';
import type { Contact, ContactOutcome } from '../../shared/ports/data-plane.ts';
import type { InstanceStatus } from '../../shared/ports/databases.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type { World } from '../../shared/ports/ports.ts';
import type { InstanceName } from '../../shared/system/names.ts';
import { east, gke, instance, PRIMARY, pod, replica, run } from '../classify/looks.ts';
import { JumpingClock } from '../engine/rehearsal.ts';

/** Which calls can be made to fail, by port and method. */
type Call =
  | 'fleet'
  | 'operations'
  | 'canary'
  | 'heartbeat'
  | 'replication'
  | 'deepHealth'
  | 'contactFrom'
  | 'workload'
  | 'rollout'
  | 'pods'
  | 'service'
  | 'entrance'
  | 'series';

const REFUSED: ContactOutcome = { kind: 'connectionRefused' };

/** A fleet of one primary with two replicas, with just the behaviour that a look and the watch can see. */
export class LittleFleet {
  readonly clock = new JumpingClock();
  readonly broken = new Set<Call>();
  /** What the world says to be thrown when a call is broken. */
  error: unknown = new PortError('retryable', 'http 503', 'asking');
  primary: InstanceName = PRIMARY;
  /** Whether the primary takes writes; each place may meet something else. */
  serves = true;
  met = new Map<string, ContactOutcome>();
  control: Contact['control'] = 'ok';
  /** Happens before each heartbeat that is tried. */
  before: () => void = () => undefined;
  /** How long each look of the watch takes. */
  slow = millis(0);
  /** How long each question about replication takes. */
  slowReplication = millis(0);
  statuses: readonly InstanceStatus[] = [instance(), replica(), east()];
  readonly heartbeats: { readonly instance: InstanceName; readonly sequence: number; readonly at: Instant }[] = [];
  readonly filters: string[] = [];
  readonly probed: string[] = [];

  /** What the product sees of it. */
  world(): World {
    const parts = {
      databases: {
        fleet: this.#call('fleet', () => this.statuses),
        operations: this.#call('operations', (name: InstanceName) => {
          if (!this.statuses.some((status) => status.instance === name))
            throw new PortError('permanent', 'notFound', `listing the operations of ${name}`);
          return name === PRIMARY
            ? [this.#operation('old', -7_200), this.#operation('UPDATE', -60), this.#operation('BACKUP_VOLUME', -30)]
            : [];
        }),
      },
      dataPlane: {
        canary: this.#call('canary', (name: InstanceName) => this.#outcome('dr-autopilot', name)),
        heartbeat: this.#call('heartbeat', (name: InstanceName, sequence: number, at: Instant) => {
          this.before();
          this.clock.advance(this.slow);
          const outcome = this.#outcome('dr-autopilot', name);
          if (outcome.kind === 'written') this.heartbeats.push({ instance: name, sequence, at });
          return outcome;
        }),
        replication: this.#call('replication', (name: InstanceName) => {
          this.clock.advance(this.slowReplication);
          return {
            role: name === this.primary ? 'primary' : 'replica',
            receiving: this.serves,
            heartbeat: this.heartbeats.at(-1) ?? { sequence: 41, at: after(this.clock.now(), -60_000) },
            position: 1,
          };
        }),
      },
      applications: {
        deepHealth: this.#call('deepHealth', (id: string) =>
          id === 'api-gke' ? gke('serving').health : run('failing').health,
        ),
        contactFrom: this.#call('contactFrom', (id: string, address: string) => {
          this.probed.push(address);
          return {
            vantage: 'prober',
            at: this.clock.now(),
            outcome: this.#outcome(id, this.primary),
            control: this.control,
          };
        }),
      },
      workloads: {
        inspect: this.#call('workload', () => gke('serving').workload),
        pods: this.#call('pods', () => [pod('a'), pod('b')]),
      },
      rollouts: { inspect: this.#call('rollout', () => gke('serving').rollout) },
      services: { inspect: this.#call('service', () => run('serving').service) },
      traffic: {
        inspect: this.#call('entrance', () => ({ leadsTo: 'api-gke', detail: 'leads home', version: 'v' })),
        ask: async () => ({ kind: 'serving', detail: 'http 200', application: 'api-gke' }),
      },
      metrics: {
        series: this.#call('series', (filter: string) => {
          this.filters.push(filter);
          return [{ resource: {}, metric: {}, points: [{ at: after(this.clock.now(), -90_000), value: 1 }] }];
        }),
      },
    };
    return parts as unknown as World; // the rest of the ports is never asked by a look
  }

  #call<Args extends readonly unknown[], Answer>(call: Call, answer: (...args: Args) => Answer) {
    return async (...args: Args): Promise<Answer> => {
      if (this.broken.has(call)) throw this.error;
      return answer(...args);
    };
  }

  #outcome(place: string, name: InstanceName): ContactOutcome {
    return this.met.get(place) ?? (this.serves && name === this.primary ? { kind: 'written' } : REFUSED);
  }

  #operation(type: string, seconds: number) {
    const insertedAt = after(this.clock.now(), seconds * 1_000);
    const done = { state: 'done', endedAt: insertedAt, error: 'postgresql://dms:hunter2@10.0.0.1/dms' };
    const running = { state: 'running', endedAt: undefined, error: undefined };
    return {
      name: `op-${type}`,
      instance: PRIMARY,
      type,
      insertedAt,
      user: undefined,
      ...(type === 'UPDATE' ? running : done),
    };
  }
}
