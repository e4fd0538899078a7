import type { WrittenArgument, WrittenBlock } from './outline.ts';
import type { Complaint, TerraformFile, TerraformModule } from './read-module.ts';

// What no plan of ours may do, whatever the provider allows.
//
// P1. No primitive role: owner, editor and viewer of a project are never given to anybody.
// P2. Nothing is public. The one exception is the door at which approvers arrive where no proxy stands before it, in a file of its own.
// P3. What stores can't be deleted by mistake: a database is protected, a bucket refuses public access and keeps what it holds.
// P4. A service account has no keys, and no secret's value stands in the state.

/** The file that may open `approve` to everybody, when `dr.yaml` says that its own links or tokens are the only door. */
export const PUBLIC_DOOR = 'modules/approve-door/public.tf';

/** Resources which would put a value into the state that has to stay out of it. */
const IN_STATE: readonly string[] = [
  'google_secret_manager_secret_version',
  'google_service_account_key',
  'tls_private_key',
];

/** What is wrong with a module's resources. */
export function policyComplaints({ files }: TerraformModule): readonly Complaint[] {
  return files.flatMap((file) =>
    file.body.blocks
      .filter(({ type }) => type === 'resource' || type === 'module' || type === 'locals')
      .flatMap((block) => [...everywhere(file, block), ...resourceComplaints(file, block)]),
  );
}

function everywhere(file: TerraformFile, block: WrittenBlock): readonly Complaint[] {
  return argumentsOf(block).flatMap(({ expression, line, name }) => [
    ...(/roles\/(owner|editor|viewer)\b/.test(expression)
      ? [`${file.path}:${line}: "${name}" gives a primitive role; name the permissions, or a role of one service`]
      : []),
    ...(/\ball(Authenticated)?Users\b/.test(expression) && file.path !== PUBLIC_DOOR
      ? [`${file.path}:${line}: "${name}" lets everybody in; only ${PUBLIC_DOOR} may`]
      : []),
  ]);
}

function resourceComplaints(file: TerraformFile, block: WrittenBlock): readonly Complaint[] {
  const [type = '', name = ''] = block.labels;
  const at = `${file.path}:${block.line}: ${type}.${name}`;
  if (block.type !== 'resource') return [];
  if (IN_STATE.includes(type)) return [`${at} would keep a secret in the state; people add it, Terraform names it`];
  switch (type) {
    case 'google_storage_bucket':
      return [
        ...must(block, at, 'public_access_prevention', '"enforced"'),
        ...must(block, at, 'uniform_bucket_level_access', 'true'),
        ...must(block, at, 'force_destroy', 'false'),
      ];
    case 'google_firestore_database':
      return [
        ...must(block, at, 'delete_protection_state', '"DELETE_PROTECTION_ENABLED"'),
        ...must(block, at, 'point_in_time_recovery_enablement', '"POINT_IN_TIME_RECOVERY_ENABLED"'),
        ...must(block, at, 'deletion_policy', '"ABANDON"'),
      ];
    case 'google_secret_manager_secret':
      return must(block, at, 'deletion_protection', 'true');
    case 'google_cloudfunctions2_function':
      return mustInside(block, at, 'service_config', 'ingress_settings', [
        'ALLOW_INTERNAL_ONLY',
        'ALLOW_INTERNAL_AND_GCLB',
      ]);
    default:
      return [];
  }
}

function must(block: WrittenBlock, at: string, name: string, value: string): readonly Complaint[] {
  const written = block.body.arguments.find((argument) => argument.name === name)?.expression;
  return written === value ? [] : [`${at}: ${name} has to be ${value}, written out`];
}

/** An argument of a block inside that has to be one of some texts, or an expression that can be nothing else. */
function mustInside(
  block: WrittenBlock,
  at: string,
  inside: string,
  name: string,
  values: readonly string[],
): readonly Complaint[] {
  const found = block.body.blocks.find(({ type }) => type === inside);
  const written = found?.body.arguments.find((argument) => argument.name === name)?.expression ?? '';
  const texts = [...written.matchAll(/"([^"]*)"/g)].map(([, text = '']) => text);
  const isOneOf = texts.length > 0 && texts.every((text) => values.includes(text));
  return isOneOf ? [] : [`${at}: ${inside}.${name} has to be one of ${values.join(', ')}`];
}

const argumentsOf = (block: WrittenBlock): readonly WrittenArgument[] => [
  ...block.body.arguments,
  ...block.body.blocks.flatMap(argumentsOf),
];
