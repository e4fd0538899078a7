import { incidentOf } from '../../functions/wake-up.ts';
import { inProcessMessages, inProcessPorts } from '../../sandbox/in-process/ports.ts';
import { messageJson } from '../../sandbox/http/broker-json.ts';
import type { Deliver } from '../../sandbox/world/broker-delivery.ts';
import type { Message } from '../../sandbox/world/broker-message.ts';
import { HEAL_CATALOGUE, RECOVER_CATALOGUE } from '../../shared/actions/catalogue.ts';
import { SecretText } from '../../shared/core/redact.ts';
import { instant, minutes } from '../../shared/core/time.ts';
import type { ApproveHome } from '../../shared/flows/approve.ts';
import type { WorldHome } from '../../shared/flows/flow-home.ts';
import { notifyIncident } from '../../shared/flows/notify.ts';
import type { OperateHome } from '../../shared/flows/operate.ts';
import { onSignal } from '../../shared/flows/on-signal.ts';
import { runIncident } from '../../shared/flows/run-incident.ts';
import { tick } from '../../shared/flows/tick.ts';
import type { Delivery } from '../../shared/ports/messages.ts';
import { isPortError } from '../../shared/ports/port-error.ts';
import type { Store } from '../../shared/ports/store.ts';
import { type FunctionName, TOPICS, type Topic } from '../../shared/system/names.ts';
import { regionOf } from './cloud.ts';
import type { Region } from './plot.ts';
import { Death, type Process } from './processes.ts';
import type { Stage } from './stage.ts';
import { chancePort, clockPort } from './virtual.ts';

// The functions as Google runs them: a delivery goes to a process, the process calls one flow, and what comes of it is the
// acknowledgement. The flows, the parsing and the ports' rules are the product's own.

/** Which function hears a topic. */
const SUBSCRIBER: Readonly<Record<Topic, FunctionName>> = {
  'dr-alerts': 'classify',
  'dr-commands': 'classify',
  'dr-heal': 'heal',
  'dr-recover': 'recover',
  'dr-notices': 'notify',
  'dr-ticks': 'tick',
};

/** After this the platform answers in the function's place; the process may go on. */
const FUNCTION_LIMIT = minutes(9);

/** How a message reaches a person. */
export type Postman = Delivery['deliver'];

/** The functions of one run. */
export class Functions {
  readonly #stage: () => Stage;
  readonly #postman: Postman;
  #homes = 0;
  /** What the deliveries of one process share, as `functions/` shares it: its store. */
  readonly #stores = new WeakMap<Process, Store>();

  constructor(stage: () => Stage, postman: Postman) {
    this.#stage = stage;
    this.#postman = postman;
  }

  /** Takes a push to its function. */
  readonly deliver: Deliver = async ({ subscription, message }) => {
    const topic = TOPICS.find((name) => subscription.topic === name);
    if (topic === undefined) return 'ack';
    const ended = await this.call(
      SUBSCRIBER[topic],
      (process) => this.#handle(SUBSCRIBER[topic], topic, message, process),
      regionOf(subscription.name),
    );
    return ended ? 'ack' : 'nack';
  };

  /**
   * Runs a piece of work in a process of a function, in that region or in one that is there; `false` when there is none, or when
   * it failed, died or took too long. Bugs are written down.
   */
  async call(of: FunctionName, work: (process: Process) => Promise<unknown>, where?: Region): Promise<boolean> {
    const { processes, witness, clock } = this.#stage();
    const region = where ?? processes.regionUp();
    const process = region === undefined ? undefined : processes.pick(of, region);
    if (process === undefined) return false;
    let isLate = false;
    const limit = clockPort(clock)
      .sleep(FUNCTION_LIMIT)
      .then(() => {
        isLate = true;
      });
    try {
      await Promise.race([work(process), process.died, limit]);
      return !isLate;
    } catch (error) {
      if (error instanceof Death || isPortError(error)) {
        if (isPortError(error)) this.#note(process.id, `ended with ${error.message}`);
        return false;
      }
      witness.bugs.push(`${of}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      return false;
    }
  }

  /** What approve runs on, the operators' door included. */
  approveHome(process: Process): ApproveHome & OperateHome {
    const { keys } = this.#stage();
    return {
      ...this.#home('approve', process),
      verifier: keys.verifier,
      formKey: new SecretText('form'),
      identity: { verify: async (idToken) => idToken },
    };
  }

  async #handle(of: FunctionName, topic: Topic, message: Message, process: Process): Promise<unknown> {
    const { keys } = this.#stage();
    const data = { message: messageJson(message) };
    const home = this.#home(of, process);
    switch (of) {
      case 'classify':
        return await onSignal({ source: `//pubsub.googleapis.com/projects/p/topics/${topic}`, data }, home);
      case 'tick':
        return await tick(home);
      case 'heal':
      case 'recover': {
        const id = incidentOf({ data });
        const catalogue = of === 'heal' ? HEAL_CATALOGUE : RECOVER_CATALOGUE;
        return id && (await runIncident(id, { ...home, role: of, catalogue, verifier: keys.verifier }));
      }
      case 'notify': {
        const id = incidentOf({ data });
        const delivery = process.wrap({ deliver: this.#postman });
        return id && (await notifyIncident(id, { ...home, signer: process.wrap(keys.signer), delivery }));
      }
      case 'approve':
      case 'status':
        return undefined;
    }
  }

  /** The home of one delivery, which passes the process with everything that it asks. */
  #home(of: FunctionName, process: Process): WorldHome {
    const { chance, clock, plot, pubsub, store, system, weather, world } = this.#stage();
    this.#homes += 1;
    const own = chance.fork(`home ${this.#homes}`);
    const time = process.clock(clockPort(clock, plot.skewMs[of]));
    return {
      system,
      clock: time,
      chance: chancePort(own.fork('chance')),
      store: this.#storeOf(process, () => process.wrap(weather.over(store, of, time))),
      messages: process.wrap(inProcessMessages(pubsub, of, time, own.fork('publishing'))),
      world: process.wrap(inProcessPorts(world, of, time, own.fork('ways'))),
      instance: process.id,
      note: (text, fields) => this.#note(process.id, `${text} ${fields === undefined ? '' : JSON.stringify(fields)}`),
    };
  }

  #storeOf(process: Process, make: () => Store): Store {
    const known = this.#stores.get(process) ?? make();
    this.#stores.set(process, known);
    return known;
  }

  #note(id: string, text: string): void {
    const { clock, witness } = this.#stage();
    witness.notes.push({ at: instant(clock.now()), text: `${id}: ${text}`.slice(0, 400) });
  }
}
