import { readFileSync } from 'node:fs';
import type { Plugin } from 'esbuild';
import { z } from 'zod';

// A client of Google's describes every message of every version of its API by one file, which is read whole before the first request:
// half a second of a cold start. A bundle describes the services that our clients speak, and what their methods send and answer.

/** The services that are spoken, by the file that describes them; of each every method stays. */
export const SPOKEN: Readonly<Record<string, readonly [string, ...string[]]>> = {
  '@google-cloud/container/build/protos/protos.json': ['google.container.v1.ClusterManager'],
  '@google-cloud/firestore-api/build/protos/protos.json': ['google.firestore.v1.Firestore'],
  '@google-cloud/monitoring/build/protos/protos.json': ['google.monitoring.v3.MetricService'],
  '@google-cloud/pubsub-api/build/protos/protos.json': ['google.pubsub.v1.Publisher'],
  // A client that starts operations asks for them by its own description.
  '@google-cloud/run/build/protos/protos.json': ['google.cloud.run.v2.Services', 'google.longrunning.Operations'],
  '@google-cloud/secret-manager/build/protos/protos.json': ['google.cloud.secretmanager.v1.SecretManagerService'],
  '@google-cloud/sql/build/protos/protos.json': [
    'google.cloud.sql.v1.SqlBackupRunsService',
    'google.cloud.sql.v1.SqlDatabasesService',
    'google.cloud.sql.v1.SqlInstancesService',
    'google.cloud.sql.v1.SqlOperationsService',
    'google.cloud.sql.v1.SqlUsersService',
  ],
  // What those clients make beside themselves.
  'google-gax/build/protos/iam_service.json': ['google.iam.v1.IAMPolicy'],
  'google-gax/build/protos/locations.json': ['google.cloud.location.Locations'],
  'google-gax/build/protos/operations.json': ['google.longrunning.Operations'],
};

/** Leaves out of descriptions what no service that is spoken needs. */
export const spokenServicesOnly: Plugin = {
  name: 'spoken-services-only',
  setup: (building) => {
    for (const [file, services] of Object.entries(SPOKEN))
      building.onLoad({ filter: new RegExp(`/node_modules/${file.replaceAll('.', '\\.')}$`) }, ({ path }) => ({
        contents: JSON.stringify(describedFor(JSON.parse(readFileSync(path, 'utf8')), services)),
        loader: 'json',
      }));
  },
};

/** A place in protobufjs' JSON: a namespace, a message, an enumeration, a service, or several of them at once. */
interface Place {
  readonly nested?: Readonly<Record<string, Place>> | undefined;
  readonly methods?: Readonly<Record<string, z.output<typeof methodWire>>> | undefined;
  readonly fields?: Readonly<Record<string, { readonly type: string }>> | undefined;
}

const methodWire = z.looseObject({
  requestType: z.string(),
  responseType: z.string(),
  options: z.record(z.string(), z.unknown()).optional(),
});

const placeWire: z.ZodType<Place> = z.looseObject({
  nested: z
    .record(
      z.string(),
      z.lazy(() => placeWire),
    )
    .optional(),
  methods: z.record(z.string(), methodWire).optional(),
  fields: z.record(z.string(), z.looseObject({ type: z.string() })).optional(),
});

/** What the result of an operation is, which its method names in an option and not in its type (google/longrunning/operations.proto). */
const OPERATION_INFO = '(google.longrunning.operation_info)';

const operationWire = z.object({ response_type: z.string(), metadata_type: z.string() }).partial();

/**
 * A description with these services and all that they lead to, places as they were. Throws for a service, or a type of one, that is not
 * described.
 */
export function describedFor(description: unknown, services: readonly string[]): unknown {
  const root = placeWire.parse(description);
  const places = new Map<string, Place>();
  for (const [name, place] of placesIn(root, '')) places.set(name, place);
  const needed = new Set<string>();
  const need = (name: string): void => {
    if (needed.has(name)) return;
    const place = places.get(name);
    if (place === undefined) throw new Error(`${name} is not described`);
    needed.add(name);
    for (const type of typesOf(place)) {
      const found = SCALARS.has(type) ? undefined : resolved(type, name, places);
      if (found !== undefined) need(found);
    }
  };
  for (const service of services) need(service);
  return only(root, '', needed);
}

function* placesIn(place: Place, name: string): Generator<readonly [string, Place]> {
  for (const [key, inner] of Object.entries(place.nested ?? {})) {
    const full = name === '' ? key : `${name}.${key}`;
    yield [full, inner];
    yield* placesIn(inner, full);
  }
}

/** Scalar value types of the language (protobuf.dev/programming-guides/proto3, "Scalar Value Types"). */
const SCALARS: ReadonlySet<string> = new Set(
  ['double', 'float', 'bool', 'string', 'bytes'].concat([
    'int32',
    'uint32',
    'sint32',
    'fixed32',
    'sfixed32',
    'int64',
    'uint64',
    'sint64',
    'fixed64',
    'sfixed64',
  ]),
);

function typesOf({ methods = {}, fields = {} }: Place): readonly string[] {
  return [
    ...Object.values(fields).map(({ type }) => type),
    ...Object.values(methods).flatMap(({ requestType, responseType, options = {} }) => [
      requestType,
      responseType,
      ...Object.entries(options).flatMap(([name, value]) => operationTypes(name, value)),
    ]),
  ];
}

/** Written as one option, or as one for each of its fields. */
function operationTypes(option: string, value: unknown): readonly string[] {
  if (option === OPERATION_INFO) return Object.values(operationWire.parse(value)).filter((type) => type !== undefined);
  return option.startsWith(`${OPERATION_INFO}.`) ? [z.string().parse(value)] : [];
}

/** A name is looked for from the innermost place outwards; one that begins with a dot is whole. */
function resolved(type: string, from: string, places: ReadonlyMap<string, Place>): string {
  const around = type.startsWith('.') ? [] : from.split('.');
  const bare = type.replace(/^\./, '');
  for (let depth = around.length; depth >= 0; depth -= 1) {
    const name = [...around.slice(0, depth), bare].join('.');
    if (places.has(name)) return name;
  }
  throw new Error(`${type}, which ${from} names, is not described`);
}

/** What is in nobody's need falls away, and a namespace with nothing left in it. */
function only(place: Place, name: string, needed: ReadonlySet<string>): Place {
  const nested = Object.entries(place.nested ?? {}).flatMap(([key, inner]) => {
    const full = name === '' ? key : `${name}.${key}`;
    const left = only(inner, full, needed);
    return needed.has(full) || left.nested !== undefined ? [[key, left] as const] : [];
  });
  const { nested: _, ...own } = place;
  return nested.length === 0 ? own : { ...own, nested: Object.fromEntries(nested) };
}
