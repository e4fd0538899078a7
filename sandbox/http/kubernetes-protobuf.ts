import { badRequest } from '../world/kubernetes-errors.ts';
import type { ReviewKind } from '../world/kubernetes-review.ts';

// Reviews in Kubernetes' own protobuf, in which `kubectl auth can-i` sends them: four bytes, then a `runtime.Unknown` around the object
// (k8s.io/apimachinery/pkg/runtime/serializer/protobuf and the generated.proto files of k8s.io/api, read 2026-11). Only what a client says
// in a review is read; what comes back is JSON, which every client takes.

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

const MAGIC = Buffer.from('k8s\0');

/** Fields by their number: a text, a list of texts, or a message. */
type Shape = { readonly [field: number]: readonly [name: string, type: 'text' | 'texts' | Shape] };

const RESOURCE_ATTRIBUTES: Shape = {
  1: ['namespace', 'text'],
  2: ['verb', 'text'],
  3: ['group', 'text'],
  4: ['version', 'text'],
  5: ['resource', 'text'],
  6: ['subresource', 'text'],
  7: ['name', 'text'],
};
const NON_RESOURCE_ATTRIBUTES: Shape = { 1: ['path', 'text'], 2: ['verb', 'text'] };
const ATTRIBUTES: Shape = {
  1: ['resourceAttributes', RESOURCE_ATTRIBUTES],
  2: ['nonResourceAttributes', NON_RESOURCE_ATTRIBUTES],
};
const OF_OTHERS: Shape = { ...ATTRIBUTES, 3: ['user', 'text'], 4: ['groups', 'texts'] };
const METADATA: Shape = { 1: ['name', 'text'], 3: ['namespace', 'text'] };

const SHAPES: Readonly<Record<ReviewKind, Shape>> = {
  LocalSubjectAccessReview: { 1: ['metadata', METADATA], 2: ['spec', OF_OTHERS] },
  SelfSubjectAccessReview: { 1: ['metadata', METADATA], 2: ['spec', ATTRIBUTES] },
  SelfSubjectRulesReview: { 1: ['metadata', METADATA], 2: ['spec', { 1: ['namespace', 'text'] }] },
  SubjectAccessReview: { 1: ['metadata', METADATA], 2: ['spec', OF_OTHERS] },
};

/** Reads a review. Throws 400. */
export function readReview(kind: ReviewKind, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (!MAGIC.equals(bytes.subarray(0, MAGIC.length)))
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  const raw = fieldsOf(bytes.subarray(MAGIC.length)).find(({ field }) => field === 2);
  return read(SHAPES[kind], raw?.value ?? new Uint8Array());
}

/** A text that is empty is one that was not said. */
function read(shape: Shape, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const { field, value } of fieldsOf(bytes)) {
    const [name, type] = shape[field] ?? [];
    if (name === undefined || type === undefined) continue;
    const text = Buffer.from(value).toString();
    if (type === 'text') {
      if (text !== '') found[name] = text;
    } else if (type === 'texts') {
      const before: unknown = found[name];
      found[name] = [...(Array.isArray(before) ? (before as readonly unknown[]) : []), text];
    } else found[name] = read(type, value);
  }
  return found;
}

/** The fields of a message that have a length; of the others, which carry nothing of a review, none. */
function fieldsOf(bytes: Uint8Array): readonly { readonly field: number; readonly value: Uint8Array }[] {
  const found = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    // No length, tag or flag of a review has more than four groups of seven bits.
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined) break;
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw badRequest('unexpected EOF');
  };
  while (at < bytes.length) {
    const tag = number();
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (wireType === 0) number();
    else if (wireType === 2) {
      const length = number();
      if (at + length > bytes.length) throw badRequest('unexpected EOF');
      found.push({ field, value: bytes.subarray(at, at + length) });
      at += length;
    } else throw badRequest(`proto: illegal wireType ${wireType}`);
  }
  return found;
}
