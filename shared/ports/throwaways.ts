import type { InstanceName } from '../system/names.ts';

/** Under this label everything stands that `./dr conform` makes; its value is the id of the run. */
export const THROWAWAY_LABEL = 'dr-conform';

/** An instance or a service of the project. `run`: which run of `./dr conform` made it; `undefined`: it is nobody's to throw away. */
export type FoundThing =
  | {
      readonly kind: 'instance';
      readonly name: InstanceName;
      readonly region: string;
      readonly run: string | undefined;
      readonly isReplica: boolean;
      readonly isStopped: boolean;
      /** Deleting it was accepted. */
      readonly isGoing: boolean;
    }
  | {
      readonly kind: 'service';
      readonly name: string;
      readonly region: string;
      readonly run: string | undefined;
    };

/** An instance to be made: one processor, 10 GiB, open to nobody, and not protected from deletion. */
export interface InstanceDraft {
  readonly name: InstanceName;
  readonly region: string;
  readonly databaseVersion: string;
  readonly tier: string;
  readonly availability: 'ZONAL' | 'REGIONAL';
  /** The primary that it is a replica of. */
  readonly primary: InstanceName | undefined;
  readonly run: string;
}

/** A service to be made: a greeting that everybody may ask for, at most two instances, none while nobody asks. */
export interface ServiceDraft {
  readonly name: string;
  readonly region: string;
  readonly image: string;
  readonly run: string;
}

/**
 * Making and deleting things that nobody depends on. Changes return the name of their operation, which `Databases` and `Services` can
 * read. Every method may reject with `PortError`; an `ambiguous` one of a change never says whether it happened: `found` does.
 */
export interface Throwaways {
  /** Every instance of the project, and every service in the regions of the system. */
  found(): Promise<readonly FoundThing[]>;
  createInstance(draft: InstanceDraft): Promise<string>;
  /** Changes nothing but a label, and with it the version of the settings; refused with `conflict` when `version` is stale. */
  touch(instance: InstanceName, version: string): Promise<string>;
  deleteInstance(instance: InstanceName): Promise<string>;
  createService(draft: ServiceDraft): Promise<string>;
  deleteService(region: string, name: string): Promise<string>;
  /** The status that a GET of an address is answered with; `undefined` when nobody answers. */
  ask(url: string): Promise<number | undefined>;
}
