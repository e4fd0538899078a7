import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { SecretText } from '../core/redact.ts';
import { instant } from '../core/time.ts';
import { isLoopback } from '../core/loopback.ts';
import { type ClockStart, REAL_TIME, refuseScaledClock } from '../providers/system-clock.ts';
import { parseSystem } from '../system/parse-system.ts';
import type { System } from '../system/system.ts';

// What a function's process is told by its environment, read once at its first use. Everything about the protected system stands
// in `dr.yaml`; secrets are files that the platform mounts, named here (docs/configuration.md, "Environment").

/** The environment of one process, parsed. */
export interface Environment {
  readonly system: System;
  readonly clock: ClockStart;
  readonly store: StoreChoice;
  /** Names this process among its copies; holder of leases. */
  readonly instance: string;
  /** Public keys of approvals, SPKI PEM by key id. */
  readonly publicKeys: Readonly<Record<string, string>>;
  /** Only `notify` has one. */
  readonly signingKey: { readonly keyId: string; readonly privateKey: SecretText } | undefined;
  /** Binds a form to its page; the same for all copies of `approve`. */
  readonly formKey: SecretText | undefined;
  /** Who may vouch for operators, by OIDC. */
  readonly operators: { readonly issuer: string; readonly audience: string } | undefined;
  /** Whom `tick` tells that all is well; whoever knows the address could do so too. */
  readonly heartbeatUrl: SecretText | undefined;
  /** The audience of Identity-Aware Proxy's assertions for this copy of `approve`. */
  readonly iapAudience: string | undefined;
}

/** Where the state lies: a file of this machine, or a database of `dr.yaml`'s project. */
export type StoreChoice =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'firestore'; readonly database: string; readonly emulator: string | undefined };

const wire = z.object({
  DR_CONFIG: z.string().min(1).default('dr.yaml'),
  DR_STORE: z.string().min(1),
  // Google's own name, which the client honours too.
  FIRESTORE_EMULATOR_HOST: z
    .string()
    .regex(/^[^/]+:\d+$/, 'host:port')
    .optional(),
  DR_CLOCK_RATE: z.coerce.number().positive().default(1),
  DR_CLOCK_START: z
    .string()
    .regex(/^\d+:\d+$/, 'wall:clock, both in milliseconds since the epoch')
    .optional(),
  DR_INSTANCE: z.string().min(1).optional(),
  DR_PUBLIC_KEYS_FILE: z.string().min(1).optional(),
  DR_SIGNING_KEY_FILE: z.string().min(1).optional(),
  DR_SIGNING_KEY_ID: z.string().min(1).optional(),
  DR_FORM_KEY_FILE: z.string().min(1).optional(),
  DR_OPERATORS_ISSUER: z.url().optional(),
  DR_OPERATORS_AUDIENCE: z.string().min(1).optional(),
  DR_IAP_AUDIENCE: z.string().min(1).optional(),
  DR_HEARTBEAT_URL_FILE: z.string().min(1).optional(),
});

/** Google wants 4 to 63 characters; its emulator takes fewer (firestore_admin.proto, CreateDatabaseRequest). */
const DATABASE = /^(\(default\)|[a-z][a-z0-9-]{0,62})$/;

const keysWire = z.record(z.string(), z.string());

/** Reads the environment. Throws with a sentence when it can't be worked with: a function that starts half-configured is worse. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const read = wire.safeParse(env);
  if (!read.success)
    throw new Error(`the environment is not what docs/configuration.md says: ${z.prettifyError(read.error)}`);
  const told = read.data;
  const system = loadSystem(told.DR_CONFIG);
  const refusal = refuseScaledClock(system.endpoints, told.DR_CLOCK_RATE);
  if (refusal !== undefined) throw new Error(`DR_CLOCK_RATE: ${refusal}`);
  const store = storeChosen(told.DR_STORE, told.FIRESTORE_EMULATOR_HOST);
  if (told.DR_CLOCK_RATE !== 1 && store.kind === 'firestore' && !isLoopback(`http://${store.emulator ?? 'google'}`))
    throw new Error(
      'DR_CLOCK_RATE: a scaled clock needs a store of this machine, and Firestore is not its emulator here',
    );
  const [wall, clock] = (told.DR_CLOCK_START ?? '0:0').split(':').map(Number);
  return {
    system,
    clock:
      told.DR_CLOCK_RATE === 1 && told.DR_CLOCK_START === undefined
        ? REAL_TIME
        : { rate: told.DR_CLOCK_RATE, startWall: instant(wall ?? 0), startClock: instant(clock ?? 0) },
    store,
    instance: told.DR_INSTANCE ?? `process-${process.pid}`,
    publicKeys:
      told.DR_PUBLIC_KEYS_FILE === undefined
        ? {}
        : keysWire.parse(JSON.parse(readFileSync(told.DR_PUBLIC_KEYS_FILE, 'utf8'))),
    signingKey:
      told.DR_SIGNING_KEY_FILE === undefined || told.DR_SIGNING_KEY_ID === undefined
        ? undefined
        : { keyId: told.DR_SIGNING_KEY_ID, privateKey: secretOf(told.DR_SIGNING_KEY_FILE) },
    formKey: told.DR_FORM_KEY_FILE === undefined ? undefined : secretOf(told.DR_FORM_KEY_FILE),
    operators:
      told.DR_OPERATORS_ISSUER === undefined || told.DR_OPERATORS_AUDIENCE === undefined
        ? undefined
        : { issuer: told.DR_OPERATORS_ISSUER, audience: told.DR_OPERATORS_AUDIENCE },
    iapAudience: told.DR_IAP_AUDIENCE,
    heartbeatUrl: told.DR_HEARTBEAT_URL_FILE === undefined ? undefined : secretOf(told.DR_HEARTBEAT_URL_FILE),
  };
}

/** `firestore:DATABASE`, or a path; a file of that name is written `./firestore:…`. */
function storeChosen(told: string, emulator: string | undefined): StoreChoice {
  const named = /^firestore:(.*)$/.exec(told)?.[1];
  if (named === undefined) return { kind: 'sqlite', path: told };
  if (!DATABASE.test(named)) throw new Error(`DR_STORE: "${named}" is no name of a Firestore database`);
  return { kind: 'firestore', database: named, emulator };
}

/** Reads and checks `dr.yaml`. Throws with every fault. */
export function loadSystem(path: string): System {
  const parsed = parseSystem(readFileSync(path, 'utf8'));
  if (parsed.ok) return parsed.value;
  const faults = parsed.error.map((fault) => `line ${fault.line}: ${fault.problem}`);
  throw new Error(`${path} can't be used (./dr config check shows more):\n${faults.join('\n')}`);
}

const secretOf = (file: string): SecretText => new SecretText(readFileSync(file, 'utf8').trim());
