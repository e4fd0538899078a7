import type { DatabaseNetwork } from './application-database.ts';
import { ApplicationProcess } from './application-process.ts';
import type { ApplicationInstance, ApplicationLauncher, Chance, Kernel, Place } from './kernel.ts';
import { SECONDARY } from './reference-system.ts';

/** What a process is told that it is, by where it runs. */
const APPLICATIONS: Readonly<Record<Place, string>> = {
  pods: 'api-gke',
  cloudRun: 'api-run',
  [SECONDARY.place]: 'api-east',
};

/** What the reference applications are made with. */
export interface ApplicationsOptions {
  readonly kernel: Kernel;
  readonly network: DatabaseNetwork;
  /** The newest version of a secret; `undefined` when it can't be read. */
  readonly readSecret: (name: string) => string | undefined;
  /** The secret with the key of sessions, where the application has any. */
  readonly signingSecret?: string;
  /** Name of the prober's deployment and service: a process whose id begins with it is a prober. */
  readonly prober: string;
}

/** All processes of the reference application and its probers, wherever they run. */
export class Applications implements ApplicationLauncher {
  readonly #options: ApplicationsOptions;
  readonly #chance: Chance;
  readonly #processes = new Map<ApplicationInstance, ApplicationProcess>();

  constructor(options: ApplicationsOptions) {
    this.#options = options;
    this.#chance = options.kernel.chance.fork('applications');
  }

  /** `id` is the pod's or instance's name; a restarted container has the same one again. */
  launch(options: { readonly id: string; readonly place: Place; readonly secret: string }): ApplicationInstance {
    const { kernel, network, readSecret, signingSecret, prober } = this.#options;
    const process = new ApplicationProcess({
      ...options,
      role: options.id.startsWith(prober) ? 'prober' : 'api',
      application: APPLICATIONS[options.place] ?? 'api-run',
      clock: kernel.clock,
      chance: this.#chance,
      network,
      readSecret,
      ...(signingSecret === undefined ? {} : { signingSecret }),
    });
    this.#forgetEnded();
    this.#processes.set(process, process);
    return process;
  }

  /** The process behind what a launcher's caller holds. */
  process(instance: ApplicationInstance): ApplicationProcess | undefined {
    return this.#processes.get(instance);
  }

  /** Processes that haven't ended, oldest first. */
  running(): readonly ApplicationProcess[] {
    return [...this.#processes.values()].filter((process) => process.state() !== 'crashed');
  }

  /** The newest process under an id that hasn't ended. */
  byId(id: string): ApplicationProcess | undefined {
    return this.running().findLast((process) => process.id === id);
  }

  #forgetEnded(): void {
    for (const [instance, process] of this.#processes)
      if (process.state() === 'crashed') this.#processes.delete(instance);
  }
}
