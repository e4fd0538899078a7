import { z } from 'zod';

// What Terraform has in its state, as `terraform show -json` writes it: which resource has which address, and what it was made with.

/** A resource of the state. */
export interface StateResource {
  readonly address: string;
  readonly type: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const resource = z.object({
  address: z.string(),
  mode: z.string().default('managed'),
  type: z.string(),
  values: z.record(z.string(), z.unknown()).default({}),
});

const module = z.object({
  resources: z.array(resource).default([]),
  get child_modules() {
    return z.array(module).default([]);
  },
});

const wire = z.object({
  format_version: z.string().regex(/^1\./, 'a format of Terraform that is not known here'),
  values: z.object({ root_module: module }),
});

/** Every managed resource of a state. A sentence where the value is no state of Terraform. */
export function resourcesOf(value: unknown): readonly StateResource[] | string {
  const read = wire.safeParse(value);
  if (!read.success) {
    const [issue] = read.error.issues;
    return `no state of Terraform: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`;
  }
  return below(read.data.values.root_module);
}

const below = ({ resources, child_modules: children }: z.infer<typeof module>): readonly StateResource[] => [
  ...resources.filter(({ mode }) => mode === 'managed').map(({ address, type, values }) => ({ address, type, values })),
  ...children.flatMap(below),
];

/** A text of a resource; `undefined` where it has none of that name. */
export function textOf({ values }: StateResource, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

const blocksWire = z.array(z.record(z.string(), z.unknown()));

/** The first block of that name, as a resource of its own. */
export function blockOf(parent: StateResource, name: string): StateResource | undefined {
  const [values] = blocksWire.safeParse(parent.values[name]).data ?? [];
  return values === undefined ? undefined : { ...parent, values };
}

/** Where a resource stands: in a module that others fill in, once for each key, or as it is. */
export function placeOf({ address, type }: Pick<StateResource, 'address' | 'type'>): {
  readonly module: string | undefined;
  readonly name: string;
  readonly key: string | undefined;
} {
  const parts = new RegExp(`^(.*\\.)?${type}\\.([^.[]+)(\\[.*\\])?$`).exec(address);
  return { module: parts?.[1]?.replace(/\.$/, ''), name: parts?.[2] ?? address, key: parts?.[3] };
}
