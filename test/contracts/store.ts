import { describe } from '@jest/globals';
import type { Store } from '../../shared/ports/store.ts';
import { documentsContract } from './store-documents.ts';
import { inboxContract } from './store-inbox.ts';
import { leasesContract } from './store-leases.ts';
import { logContract } from './store-log.ts';

/** A store of its own for one test, with its clock in the test's hand. */
export interface OpenStore {
  readonly store: Store;
  /** Moves the store's time forward. */
  readonly advance: (ms: number) => void | Promise<void>;
  readonly close: () => void | Promise<void>;
}

/** Opens an empty store. */
export type OpenEmptyStore = () => Promise<OpenStore>;

/** How many sequences each property draws; an adapter with slow transactions takes fewer. */
export interface ContractEffort {
  readonly runs: number;
}

/** What every adapter of the store promises. Run unchanged against each of them. */
export function storeContract(name: string, open: OpenEmptyStore, effort: ContractEffort = { runs: 40 }): void {
  describe(`${name}, as a store`, () => {
    logContract(open, effort);
    inboxContract(open);
    leasesContract(open, effort);
    documentsContract(open, effort);
  });
}
