import * as client from '@kubernetes/client-node';

// The model of the API as Kubernetes' own JavaScript client carries it, in the form of sandbox/world/kubernetes-fields.ts.
// After a new version of the client, print it anew: `node test/world/kubernetes-model.ts`.

/** The types that clients send or receive whole. */
const ROOTS = [
  'V1Deployment',
  'V1ReplicaSet',
  'V1Pod',
  'V1Service',
  'V1Endpoints',
  'CoreV1Event',
  'V1Secret',
  'V1ConfigMap',
  'V1Namespace',
  'V1Node',
  'V2HorizontalPodAutoscaler',
  'V1PodDisruptionBudget',
  'V1NetworkPolicy',
  'V1Eviction',
  'V1DeleteOptions',
  'V1Scale',
  'V1SelfSubjectAccessReview',
  'V1SubjectAccessReview',
  'V1LocalSubjectAccessReview',
  'V1SelfSubjectRulesReview',
];

/** Volumes of vendors and other corners that no object of ours uses: their inside is not described. */
const OPAQUE =
  /AWSElastic|Azure|CephFS|Cinder|FCVolume|FlexVolume|Flocker|GCEPersistent|GitRepo|Glusterfs|ISCSI|NFSVolume|Photon|Portworx|Quobyte|RBD|ScaleIO|StorageOS|Vsphere|NodeConfig|ManagedFields|Ephemeral(Container|Volume)|Windows|VolumeProjection|Status$|AvailableReplicas/;

/** Statuses that writes never touch are opaque too, except those of these types. */
const DESCRIBED = /^V1(Deployment|ReplicaSet|Pod|Scale|Container|SubjectAccessReview)Status$/;

type Attribute = { readonly baseName: string; readonly type: string; readonly format: string };

const isOpaque = (type: string): boolean => OPAQUE.test(type) && !DESCRIBED.test(type);

const plain = (type: string): string => type.replace(/^(Core)?V\d+(?=[A-Z])/, '');

function attributesOf(type: string): readonly Attribute[] | undefined {
  // The client exports one class for each type; what it says of its attributes is untyped.
  const model: unknown = Reflect.get(client, type);
  const map: unknown = typeof model === 'function' ? Reflect.get(model, 'attributeTypeMap') : undefined;
  return Array.isArray(map) ? map : undefined;
}

/** `s` string, `n` number, `b` boolean, `t` time, `y` base64, `q` number or string, `*` anything; `[]` list, `{}` map. */
function code({ baseName, type, format }: Attribute): string {
  // Quantities: the client calls them strings, the server takes numbers too.
  if (baseName === 'limits' || baseName === 'requests') return 'q{}';
  const list = /^Array<(.+)>$/.exec(type);
  if (list) return `${code({ baseName: '', type: list[1] ?? '', format })}[]`;
  const map = /^\{ \[key: string\]: (.+); \}$/.exec(type);
  if (map) return `${code({ baseName: '', type: map[1] ?? '', format })}{}`;
  if (type === 'string') return format === 'byte' ? 'y' : 's';
  const scalar: Readonly<Record<string, string>> = {
    number: 'n',
    boolean: 'b',
    Date: 't',
    V1MicroTime: 't',
    IntOrString: 'q',
    any: '*',
  };
  return scalar[type] ?? (isOpaque(type) ? '*' : plain(type));
}

/** One line for each type, sorted: `Type field:code …`. */
export function modelLines(): readonly string[] {
  const lines = new Map<string, string>();
  const queue = [...ROOTS];
  for (let type = queue.pop(); type !== undefined; type = queue.pop()) {
    const attributes = lines.has(plain(type)) || isOpaque(type) ? undefined : attributesOf(type);
    if (attributes === undefined) continue;
    lines.set(plain(type), [plain(type), ...attributes.map((one) => `${one.baseName}:${code(one)}`)].join(' '));
    for (const attribute of attributes) queue.push(...(attribute.type.match(/\b(?:Core)?V\d+[A-Z]\w*/g) ?? []));
  }
  return [...lines.values()].sort();
}

if (process.argv[1] === import.meta.filename) process.stdout.write(`${modelLines().join('\n')}\n`);
