import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from '@cdktf/hcl2json';
import { tfFilesUnder } from '../../scripts/terraform/read-module.ts';
import { assert } from '../../shared/core/assert.ts';

// The whole of terraform/, planned by Terraform itself without a provider: every resource of Google becomes a `terraform_data` which holds
// what would be sent. So every expression is evaluated, every module is called, for_each and conditions are real, and the values that
// would reach Google can be looked at. What only Google knows (ids, addresses) is made up, so a plan knows every value; applying it costs
// four times as much and says the same.

type Json = string | number | boolean | null | readonly Json[] | JsonObject;
interface JsonObject {
  readonly [name: string]: Json;
}

/** A resource as it would be sent. */
export interface Rendered {
  /** Such as `module.function["heal"].google_service_account.this`. */
  readonly address: string;
  readonly type: string;
  readonly values: JsonObject;
}

/** What Google would add, in the rehearsal's own words. */
const MADE_UP: Readonly<Record<string, JsonObject>> = {
  google_cloudfunctions2_function: { id: 'function-id' },
  google_cloud_scheduler_job: { id: 'job-id' },
  google_compute_backend_service: { id: 'backend-id', generated_id: 42 },
  google_compute_global_address: { id: 'address-id', address: '203.0.113.7' },
  google_compute_managed_ssl_certificate: { id: 'certificate-id' },
  google_compute_region_network_endpoint_group: { id: 'group-id' },
  google_compute_target_https_proxy: { id: 'proxy-id' },
  google_compute_url_map: { id: 'map-id' },
  google_monitoring_alert_policy: { name: 'policy-name' },
  google_monitoring_notification_channel: { name: 'channel-name' },
  google_monitoring_uptime_check_config: { uptime_check_id: 'check-id' },
  google_project: { number: '123456789012' },
  google_project_iam_custom_role: { name: 'role-name' },
  google_pubsub_topic: { id: 'topic-id' },
  google_service_account: {
    id: 'account-id',
    name: 'account-name',
    email: 'ACCOUNT@coditect-prod.iam.gserviceaccount.com',
    member: 'serviceAccount:ACCOUNT@coditect-prod.iam.gserviceaccount.com',
  },
  google_vpc_access_connector: { id: 'connector-id' },
};

/** Plans `terraform/` with these inputs and says what would be there. Throws with Terraform's words, and where a value would not be known. */
export async function rehearsed(
  inputs: JsonObject,
  files: Readonly<Record<string, string>>,
): Promise<readonly Rendered[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rehearsal-'));
  try {
    for (const [path, text] of await standIns()) put(join(folder, path), text);
    for (const path of ['modules/permissions/permissions.json', 'modules/store/firestore.indexes.json'])
      put(join(folder, path), readFileSync(join('terraform', path), 'utf8'));
    for (const [path, text] of Object.entries(files)) put(join(folder, path), text);
    put(join(folder, 'terraform.tfvars.json'), JSON.stringify(inputs));
    const run = async (...words: readonly string[]): Promise<string> => {
      const { stdout } = await promisify(execFile)('terraform', [...words, '-no-color'], {
        cwd: folder,
        maxBuffer: 64 * 1024 * 1024,
        env: { ...process.env, TF_CLI_CONFIG_FILE: '/dev/null', CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1' },
      });
      return stdout;
    };
    await run('init', '-input=false', '-backend=false');
    await run('plan', '-input=false', '-compact-warnings', '-out=plan');
    const shown = JSON.parse(await run('show', '-json', 'plan')) as Planned;
    const open = shown.resource_changes.filter(({ change }) => isOpen(change.after_unknown['input']));
    assert(open.length === 0, `a plan does not know all of ${open[0]?.address ?? ''}`);
    return resourcesOf(shown.planned_values.root_module);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

let known: Promise<readonly (readonly [path: string, text: string])[]> | undefined;

/** The files of `terraform/` with stand-ins, by where they go. Read once for all that is rehearsed. */
function standIns(): NonNullable<typeof known> {
  known ??= Promise.all(
    Object.entries(tfFilesUnder('terraform')).map(async ([path, text]) => {
      const config = withoutProvider((await parse(path, text)) as JsonObject);
      return [`${path}.json`, JSON.stringify(config)] as const;
    }),
  );
  return known;
}

interface Planned {
  readonly planned_values: { readonly root_module: Shown };
  readonly resource_changes: readonly {
    readonly address: string;
    readonly change: { readonly after_unknown: JsonObject };
  }[];
}

/** Whether a plan leaves some of a value open: in its place, at any depth, stands `true`. */
const isOpen = (unknown: Json | undefined): boolean =>
  unknown === true || (typeof unknown === 'object' && unknown !== null && Object.values(unknown).some(isOpen));

interface Shown {
  readonly resources?: readonly { readonly address: string; readonly values: { readonly input: JsonObject } }[];
  readonly child_modules?: readonly Shown[];
}

function resourcesOf({ resources = [], child_modules: children = [] }: Shown): readonly Rendered[] {
  const own = resources.map(({ address, values }) => {
    const type = /terraform_data\.(\w+?)__/.exec(address)?.[1] ?? '';
    return { address: address.replace(/terraform_data\.(\w+?)__/, '$1.'), type, values: values.input };
  });
  return [...own, ...children.flatMap(resourcesOf)];
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One file with `terraform_data` in the place of every resource and data source of Google. */
function withoutProvider(config: JsonObject): JsonObject {
  const { resource, data, provider: _provider, terraform: _terraform, ...rest } = config;
  const made = [...bodiesOf(resource), ...bodiesOf(data)].map(([type, name, body]) => [
    `${type}__${name}`,
    standIn(type, body),
  ]);
  const others = Object.entries(rest).map(([block, value]) => [
    block,
    block === 'variable' ? withPlainTypes(value) : referring(value),
  ]);
  return Object.fromEntries([
    ...others,
    ...(made.length === 0 ? [] : [['resource', { terraform_data: Object.fromEntries(made) }]]),
  ]);
}

function bodiesOf(kinds: Json | undefined): readonly (readonly [string, string, JsonObject])[] {
  if (!isObject(kinds)) return [];
  return Object.entries(kinds).flatMap(([type, names]) =>
    Object.entries(isObject(names) ? names : {}).flatMap(([name, bodies]) =>
      (Array.isArray(bodies) ? bodies : []).map((body) => [type, name, isObject(body) ? body : {}] as const),
    ),
  );
}

function standIn(type: string, body: JsonObject): JsonObject {
  const { for_each, count, depends_on: _order, lifecycle: _lifecycle, ...written } = body;
  const { account_id: id } = written;
  const account = typeof id === 'string' ? id : '';
  const added = Object.fromEntries(
    Object.entries(MADE_UP[type] ?? {}).map(([name, value]) => [
      name,
      typeof value === 'string' ? value.replace('ACCOUNT', account) : value,
    ]),
  );
  const sent = expression({
    ...added,
    ...(type === 'google_project' ? { project_id: written['project_id'] ?? '' } : {}),
    ...written,
  });
  // Where a function is only Google says.
  const whole =
    type === 'google_cloudfunctions2_function'
      ? `merge(${sent}, { service_config = [merge(${sent}.service_config[0], { uri = "https://function.run.app" })] })`
      : sent;
  return {
    ...(for_each === undefined ? {} : { for_each: referring(for_each) }),
    ...(count === undefined ? {} : { count: referring(count) }),
    input: `\${${whole}}`,
  };
}

/** A value of Terraform's JSON as an expression of its language. */
function expression(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(expression).join(', ')}]`;
  if (isObject(value)) {
    const { dynamic, ...plain } = value;
    const members = Object.entries(plain).map(([name, member]) => `${JSON.stringify(name)} = ${expression(member)}`);
    const dynamics = Object.entries(isObject(dynamic) ? dynamic : {}).map(
      ([name, blocks]) => `${JSON.stringify(name)} = ${dynamicBlocks(name, blocks)}`,
    );
    return `{ ${[...members, ...dynamics].join(', ')} }`;
  }
  if (typeof value !== 'string') return JSON.stringify(value);
  const parts = partsOf(value);
  const [only] = parts;
  if (parts.length === 1 && only?.kind === 'code') return `(${rewritten(only.text)})`;
  const written = parts.map(({ kind, text }) => (kind === 'code' ? `\${${rewritten(text)}}` : escaped(text)));
  return `"${written.join('')}"`;
}

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);

interface Part {
  readonly kind: 'text' | 'code';
  readonly text: string;
}

/** A template, by what is text in it and what is an expression. */
function partsOf(template: string): readonly Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (let begin = template.indexOf('${'); begin >= 0; begin = template.indexOf('${', at)) {
    if (begin > at) parts.push({ kind: 'text', text: template.slice(at, begin) });
    at = begin + 2;
    for (let depth = 1; depth > 0; at += 1) {
      if (template[at] === '{') depth += 1;
      if (template[at] === '}') depth -= 1;
    }
    parts.push({ kind: 'code', text: template.slice(begin + 2, at - 1) });
  }
  if (at < template.length || parts.length === 0) parts.push({ kind: 'text', text: template.slice(at) });
  return parts;
}

function dynamicBlocks(name: string, blocks: Json): string {
  const [block] = Array.isArray(blocks) ? blocks : [];
  if (!isObject(block)) return '[]';
  const [content] = Array.isArray(block['content']) ? block['content'] : [];
  const inside = expression(content ?? {})
    .replaceAll(new RegExp(String.raw`(?<![\w.])${name}\.value\b`, 'g'), `${name}__value`)
    .replaceAll(new RegExp(String.raw`(?<![\w.])${name}\.key\b`, 'g'), `${name}__key`);
  return `[for ${name}__key, ${name}__value in ${expression(block['for_each'] ?? [])} : ${inside}]`;
}

/** In JSON a type is a text, and no expression. */
function withPlainTypes(value: Json): Json {
  if (Array.isArray(value)) return value.map(withPlainTypes);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      name === 'type' && typeof member === 'string' ? member.replace(/^\$\{([^]*)\}$/, '$1') : withPlainTypes(member),
    ]),
  );
}

/** The same value, which refers to the stand-ins. */
function referring(value: Json): Json {
  if (typeof value === 'string') return rewritten(value);
  if (Array.isArray(value)) return value.map(referring);
  if (!isObject(value)) return value;
  const { depends_on: _order, ...rest } = value;
  return Object.fromEntries(Object.entries(rest).map(([name, member]) => [name, referring(member)]));
}

/** `google_x.y[0].id` is `terraform_data.google_x__y[0].input.id`; one without an attribute is all of its copies. */
function rewritten(text: string): string {
  return text.replaceAll(
    /(?<![\w.])(?:data\.)?(google_\w+)\.(\w+)(\[(?:[^[\]]|\[[^\]]*\])*\])?(\.\w+)?/g,
    (_all, type: string, name: string, index: string | undefined, attribute: string | undefined) => {
      const stand = `terraform_data.${type}__${name}`;
      if (attribute !== undefined) return `${stand}${index ?? ''}.input${attribute}`;
      return index === undefined ? `{ for key, copy in ${stand} : key => copy.input }` : `${stand}${index}.input`;
    },
  );
}
