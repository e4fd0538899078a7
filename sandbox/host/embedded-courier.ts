import { pubsubRoutes } from '../http/broker.ts';
import { Broker } from '../world/broker.ts';
import { PubsubApi, type Publishers } from '../world/broker-api.ts';
import type { Deliver, Disorder } from '../world/broker-delivery.ts';
import type { Kernel, WorldClock } from '../world/kernel.ts';
import type { Project } from '../world/project.ts';
import type { Courier } from './courier.ts';

/** What the courier is made with. */
export interface EmbeddedCourierOptions {
  readonly kernel: Kernel;
  readonly clock: WorldClock;
  readonly project: Project;
  readonly publishers: Publishers;
  readonly deliver: Deliver;
  readonly disorder: Disorder;
}

/** Messages by the broker in this process: Pub/Sub's contract in scaled time, with nothing to install. */
export class EmbeddedCourier implements Courier {
  readonly broker: Broker;
  readonly api: PubsubApi;
  readonly routes: Courier['routes'];

  constructor(
    { kernel, clock, project, publishers, deliver, disorder }: EmbeddedCourierOptions,
    topics: readonly string[],
  ) {
    const chance = kernel.chance.fork('broker');
    this.broker = new Broker({ project: project.id, clock, chance, deliver, disorder });
    this.api = new PubsubApi({ door: kernel.door, broker: this.broker, publishers });
    this.routes = pubsubRoutes({ project, api: this.api });
    for (const topic of topics) this.broker.createTopic(topic);
  }

  publish: Courier['publish'] = (caller, topic, drafts) => this.api.publish(caller, topic, drafts);

  subscribe: Courier['subscribe'] = async (config) => this.broker.createSubscription(config);

  ledger: Courier['ledger'] = () => this.broker.ledger();

  async stop(): Promise<void> {
    this.broker.stop();
  }
}
