import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, type Json } from '../shared/core/json.ts';

// What a bill of materials says of one lock file, and nothing of the machine, the moment or the registry that it was written on or with.

const reference = z.object({ type: z.string(), url: z.string() });
const component = z.looseObject({
  'bom-ref': z.string(),
  name: z.string(),
  externalReferences: z.array(reference).default([]),
});

/** CycloneDX 1.5, as `npm sbom` writes it. */
const wire = z.object({
  $schema: z.string(),
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.literal('1.5'),
  version: z.literal(1),
  metadata: z.object({ lifecycles: z.json(), component }),
  components: z.array(component).min(1),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()).default([]) })),
});

/**
 * The same bill for the same lock file: without the moment and the version of npm, in one order, under a number that follows from what it
 * says. Where packages were downloaded from is left out; their digests say which they are. Throws `z.ZodError` on another format.
 */
export function sbomContents(written: unknown, name: string): Json {
  const { metadata, components, dependencies, ...head } = wire.parse(written);
  const contents = {
    ...head,
    metadata: {
      lifecycles: metadata.lifecycles,
      tools: [{ vendor: 'npm', name: 'cli' }],
      component: { ...withoutSource(metadata.component), name },
    },
    components: components.map(withoutSource).toSorted(by((one) => one['bom-ref'])),
    dependencies: dependencies
      .map((one) => ({ ...one, dependsOn: one.dependsOn.toSorted() }))
      .toSorted(by((one) => one.ref)),
  };
  const plain = JSON.parse(JSON.stringify(contents)) as { [name: string]: Json }; // what JSON.stringify writes is JSON
  return { ...plain, serialNumber: `urn:uuid:${uuidOf(canonicalJson(plain))}` };
}

const withoutSource = <T extends z.infer<typeof component>>(one: T): T => ({
  ...one,
  externalReferences: one.externalReferences.filter(({ type }) => type !== 'distribution'),
});

const by =
  <T>(key: (value: T) => string) =>
  (one: T, other: T): number =>
    key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0;

/** A UUID of version 8 (RFC 9562), whose bits are ours: those of a digest. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
