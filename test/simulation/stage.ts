import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { Load } from '../../sandbox/load/load.ts';
import type { Broker } from '../../sandbox/world/broker.ts';
import type { PubsubApi } from '../../sandbox/world/broker-api.ts';
import type { VirtualClock } from '../../sandbox/world/clock.ts';
import type { Chance } from '../../sandbox/world/kernel.ts';
import type { World } from '../../sandbox/world/world.ts';
import { type Instant, instant } from '../../shared/core/time.ts';
import type { TokenSigner, TokenVerifier } from '../../shared/ports/signing.ts';
import type { Store } from '../../shared/ports/store.ts';
import type { System } from '../../shared/system/system.ts';
import type { Books } from './books.ts';
import type { Chronicle } from './chronicle.ts';
import type { Plot } from './plot.ts';
import type { Processes } from './processes.ts';
import type { StoreWeather } from './store-weather.ts';
import type { Outside } from './virtual.ts';
import type { Witness } from './witness.ts';

/** When every run begins, in clock time. */
export const START: Instant = instant(1_767_600_000_000);

/** Everything that one run is played on. */
export interface Stage {
  readonly seed: number;
  readonly plot: Plot;
  readonly chance: Chance;
  readonly clock: VirtualClock;
  readonly outside: Outside;
  readonly system: System;
  readonly world: World;
  readonly broker: Broker;
  readonly pubsub: PubsubApi;
  readonly load: Load;
  /** The store itself, read along: without weather, as an attacker or a judge reaches it. */
  readonly store: Store;
  readonly chronicle: Chronicle;
  readonly books: Books;
  readonly weather: StoreWeather;
  readonly processes: Processes;
  readonly witness: Witness;
  readonly keys: Keys;
}

/** The keys of one run. */
export interface Keys {
  readonly signer: TokenSigner;
  readonly verifier: TokenVerifier;
  /** Signs under our key's name with another key. */
  readonly stranger: TokenSigner;
}

/** DER before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410). */
const PKCS8 = '302e020100300506032b657004220420';

/** A pair of keys that is the same in every process, so that a run's log is too. For simulations only. */
export function pairOf(byte: number): { readonly privateKey: string; readonly publicKey: string } {
  const der = Buffer.concat([Buffer.from(PKCS8, 'hex'), Buffer.alloc(32, byte)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return {
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
  };
}
