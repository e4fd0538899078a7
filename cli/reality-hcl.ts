import type { InstanceReality, Reality } from '../shared/incident/reality.ts';
import type { Application, Entrance, System } from '../shared/system/system.ts';
import { applicationOf, entranceOf } from '../shared/system/topology.ts';
import { block, comment, identifier, type Part } from './hcl.ts';
import { instanceParts, whatIsTrueOf } from './reality-instances.ts';
import { placeOf, type StateResource, textOf } from './terraform-state.ts';

// The change of Terraform's files that declares what a recovery has made true, from the log's reality and the addresses of a state.
//
// H1. What it writes is for people to put into their files: a block of an existing resource shows what has to be in it now, beside the
//     lines by which it is found, and everything else stays. Blocks `moved`, `removed` and `import` are whole.
// H2. Nothing is guessed: a resource whose address is not known is named, and so is one that a module or a key makes.
// H3. Applied with these, a plan changes nothing of what the recovery made. `./dr guard` asks the cloud whether that is so.

/** What the text is made from. `resources` is Terraform's state; `undefined` where nobody gave it. */
export interface Declared {
  readonly incident: string;
  readonly system: System;
  readonly reality: Reality;
  readonly resources: readonly StateResource[] | undefined;
}

/** The change as a text of Terraform's language. */
export function declaredReality(declared: Declared): string {
  const { incident, reality, resources } = declared;
  const sections = [
    comment(
      [
        `What ${incident} has made true, for the files of Terraform. Until they say so, an apply would put back what was before.`,
        resources === undefined
          ? 'No addresses are known: give the state, as `terraform show -json > state.json` writes it, with --state state.json.'
          : 'Each resource below is there already unless it is imported: put what its block shows into yours, and leave all else in it as it is.',
      ].join('\n'),
    ),
    ...reality.instances.flatMap((instance) => ofInstance(instance, declared)),
    ...reality.entrances.flatMap(({ entrance, application }) => ofEntrance(entrance, application, declared)),
    ...reality.limits.flatMap((limits) => ofLimits(limits, declared)),
    ...reality.secrets.flatMap((secret) => ofSecret(secret, declared)),
    comment(
      'Then see that nothing is put back: terraform plan -out=plan.tfplan\nterraform show -json plan.tfplan > plan.json, and ./dr guard plan.json',
    ),
  ];
  return `${sections.join('\n\n')}\n`;
}

type Found = (resource: StateResource) => boolean;

/** The resource of the state; none where no state is known. */
const found = ({ resources }: Declared, type: string, isIt: Found): StateResource | undefined =>
  resources?.find((resource) => resource.type === type && isIt(resource));

const SQL = 'google_sql_database_instance';

function ofInstance(instance: InstanceReality, declared: Declared): readonly string[] {
  const own = found(declared, SQL, (resource) => textOf(resource, 'name') === instance.instance);
  const named = whatIsTrueOf(instance);
  if (own === undefined) return ofUnknownInstance(instance, named, declared);
  const { module, name, key } = placeOf(own);
  const parts = instanceParts(instance, own, declared);
  const head = `resource "${SQL}" "${name}"`;
  if (module !== undefined)
    return [
      comment(`${named}\nIt is ${own.address}, which a module makes: let the module be given what it has to say`),
      comment(block(head, parts)),
    ];
  if (key === undefined) return [comment(named), block(head, parts)];
  if (instance.tookPlaceOf === undefined)
    return [
      comment(`${named}\nIt is ${own.address}: let what its key makes be given what it has to say`),
      comment(block(head, parts)),
    ];
  // What is one of many replicas is none of them any more.
  const alone = identifier(instance.instance);
  return [
    comment(
      `${named}\nIt was ${own.address}, one of several: take its key out of there, and write the rest of its block here as it is there.`,
    ),
    block('moved', [
      { name: 'from', value: { raw: own.address } },
      { name: 'to', value: { raw: `${SQL}.${alone}` } },
    ]),
    block(`resource "${SQL}" "${alone}"`, parts),
  ];
}

/** One that the state does not have: made by the recovery, or made by nobody whose state this is. */
function ofUnknownInstance(instance: InstanceReality, named: string, declared: Declared): readonly string[] {
  const isNew = instance.madeAsReplicaOf !== undefined || instance.tookPlaceOf?.as === 'copy';
  if (!isNew)
    return [
      comment(
        `${named}\nIts address is not known${declared.resources === undefined ? '' : ': the state has no such instance'}.`,
      ),
    ];
  const name = identifier(instance.instance);
  return [
    comment(
      `${named}\nIt is new. Look it over in the plan: what is not said here is Google’s default, or comes from what it was made like.`,
    ),
    block('import', [
      { name: 'to', value: { raw: `${SQL}.${name}` } },
      { name: 'id', value: `projects/${declared.system.project}/instances/${instance.instance}` },
    ]),
    block(`resource "${SQL}" "${name}"`, instanceParts(instance, undefined, declared)),
  ];
}

function ofEntrance(id: string, application: string, declared: Declared): readonly string[] {
  const entrance = entranceOf(declared.system, id);
  if (entrance === undefined) return [];
  const said = `${entrance.host} leads to ${application} now.`;
  const type = entrance.via === 'dns' ? 'google_dns_record_set' : 'google_compute_url_map';
  const own = found(
    declared,
    type,
    (resource) => textOf(resource, 'name') === (entrance.via === 'dns' ? `${entrance.host}.` : entrance.urlMap),
  );
  const parts = entranceParts(entrance, application, own);
  if (parts === undefined) return [comment(said)];
  if (own === undefined)
    return [comment(`${said} Its resource is not known; it has to say`), ...asComment(type, parts)];
  const { module, name, key } = placeOf(own);
  return module === undefined && key === undefined
    ? [comment(said), block(`resource "${own.type}" "${name}"`, parts)]
    : [comment(`${said} It is ${own.address}, which has to say`), ...asComment(type, parts)];
}

function entranceParts(
  entrance: Entrance,
  application: string,
  own: StateResource | undefined,
): readonly Part[] | undefined {
  if (entrance.via === 'dns') {
    const address = entrance.backends.find((backend) => backend.application === application)?.address;
    if (address === undefined) return undefined;
    const zone = own === undefined ? undefined : textOf(own, 'managed_zone');
    return [
      { name: 'name', value: `${entrance.host}.` },
      { name: 'type', value: 'A' },
      { name: 'managed_zone', value: zone ?? entrance.zone },
      { name: 'rrdatas', value: { raw: `[${JSON.stringify(address)}]` } },
    ];
  }
  const service = entrance.backends.find((backend) => backend.application === application)?.backendService;
  if (service === undefined) return undefined;
  return [
    { name: 'name', value: entrance.urlMap },
    { comment: 'The id of this backend service; a reference to its resource where you have one.' },
    { name: 'default_service', value: idLike(own === undefined ? undefined : textOf(own, 'default_service'), service) },
  ];
}

/** The id of a backend service beside that of another one: only its name differs. */
const idLike = (other: string | undefined, name: string): string =>
  other?.includes('/') === true ? other.replace(/[^/]+$/, name) : name;

const SERVICE = 'google_cloud_run_v2_service';

function ofLimits({ application, min, max }: Reality['limits'][number], declared: Declared): readonly string[] {
  const known: Application | undefined = applicationOf(declared.system, application);
  if (known?.kind !== 'cloudRun') return [];
  const said = `${known.service} in ${known.region} has at least ${min} instances now${max === null ? '' : `, and at most ${max}`}: it was raised for the recovery, and stays so until it is taken back.`;
  const parts: readonly Part[] = [
    { name: 'name', value: known.service },
    { name: 'location', value: known.region },
    { block: 'scaling', parts: [{ name: 'min_instance_count', value: min }] },
    { block: 'template', parts: [{ comment: 'as it is' }] },
  ];
  const own = found(
    declared,
    SERVICE,
    (resource) => textOf(resource, 'name') === known.service && textOf(resource, 'location') === known.region,
  );
  if (own === undefined)
    return [comment(`${said}\nIts resource is not known; it has to say`), ...asComment(SERVICE, parts)];
  const { module, name, key } = placeOf(own);
  return module === undefined && key === undefined
    ? [comment(said), block(`resource "${own.type}" "${name}"`, parts)]
    : [comment(`${said}\nIt is ${own.address}, which has to say`), ...asComment(SERVICE, parts)];
}

/** A version that Terraform holds says where the database was: written anew, it would be the newest one. */
function ofSecret(secret: string, declared: Declared): readonly string[] {
  const versions = (declared.resources ?? []).filter(
    (resource) =>
      resource.type === 'google_secret_manager_secret_version' &&
      textOf(resource, 'secret')?.split('/').at(-1) === secret,
  );
  const said = `${secret} has a newer version, with the address of the present primary. No value of it belongs into a file.`;
  if (versions.length === 0) return [comment(said)];
  const plain = versions.filter((resource) => !resource.address.includes('['));
  const keyed = versions.filter((resource) => resource.address.includes('['));
  return [
    comment(`${said}\nTerraform must not write the former one again: take its resource out of the files.`),
    ...plain.map(({ address }) =>
      block('removed', [
        { name: 'from', value: { raw: address } },
        { block: 'lifecycle', parts: [{ name: 'destroy', value: false }] },
      ]),
    ),
    ...keyed.map(({ address }) => comment(`A "removed" block takes no key: terraform state rm '${address}'`)),
  ];
}

/** What a resource has to say that can't be written as a block of its own here. */
const asComment = (type: string, parts: readonly Part[]): readonly string[] => [
  comment(block(`resource "${type}" "…"`, parts)),
];
