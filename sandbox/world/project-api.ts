import type { Caller } from './caller.ts';
import type { DataAudit, DataAudits } from './data-audits.ts';
import {
  type Api,
  type ApiCall,
  type ApiDoor,
  ApiError,
  type ApiOutcome,
  type Grant,
  type Iam,
  type Principal,
} from './kernel.ts';
import type { Project } from './project.ts';
import type { Secrets } from './secrets.ts';
import { memberOf, STORAGE_ROLES } from './storage-policy.ts';

// What a project says of itself: its number, which of Google's services are enabled in it, who may do what on it, and what a role
// gives. Resource Manager v1, Service Usage v1 and IAM v1 as their callers reach them.
//
// P1. A policy shows what is granted on the project. What a cluster's own roles give (`k8s.…`) stands in the cluster, and who may publish
//     on a topic stands with the topic.
// P2. What this model can't spell out, such as every permission of `roles/owner`, is refused and never answered with less.

/** One binding of a policy. */
export interface ProjectBinding {
  readonly role: string;
  readonly members: readonly string[];
  readonly condition?: { readonly title: string; readonly expression: string };
}

/** A policy: who may do what, and whose calls of which kind are written down. */
export interface ProjectPolicy {
  readonly bindings: readonly ProjectBinding[];
  readonly audits: readonly DataAudit[];
}

/** A role with what it gives. */
export interface Role {
  readonly name: string;
  readonly title: string;
  readonly permissions: readonly string[];
}

/** A person who may do everything is shown with the role that Google has for that. */
const EVERYTHING = 'roles/owner';

/** In the place of a region's name. */
export const EVERY_OTHER = '';

/** What a project of some age has (seen as 200,000 in projects' own notes; new ones have 20,000). */
const RUN_PROCESSORS = 200_000;

/** Services of the reference project. */
export const REFERENCE_SERVICES: readonly string[] = [
  'cloudbuild',
  'cloudfunctions',
  'cloudresourcemanager',
  'cloudscheduler',
  'compute',
  'container',
  'dns',
  'firestore',
  'iam',
  'iap',
  'logging',
  'monitoring',
  'pubsub',
  'redis',
  'run',
  'secretmanager',
  'serviceusage',
  'sqladmin',
  'storage',
].map((name) => `${name}.googleapis.com`);

/** A project as its callers reach it. */
export class ProjectApi {
  readonly #door: ApiDoor;
  readonly #iam: Iam;
  readonly #secrets: Pick<Secrets, 'secret'>;
  readonly #audits: Pick<DataAudits, 'all'>;
  readonly #enabled: Set<string>;
  readonly #runProcessors = new Map([[EVERY_OTHER, RUN_PROCESSORS]]);
  readonly project: Project;

  constructor(parts: {
    readonly door: ApiDoor;
    readonly iam: Iam;
    readonly project: Project;
    readonly secrets: Pick<Secrets, 'secret'>;
    readonly audits: Pick<DataAudits, 'all'>;
  }) {
    this.#door = parts.door;
    this.#iam = parts.iam;
    this.#secrets = parts.secrets;
    this.#audits = parts.audits;
    this.project = parts.project;
    this.#enabled = new Set(REFERENCE_SERVICES);
  }

  get(caller: Caller): ApiOutcome<Project> {
    return this.#call(caller, 'cloudresourcemanager', 'resourcemanager.projects.get', () => this.project);
  }

  policy(caller: Caller): ApiOutcome<ProjectPolicy> {
    return this.#call(caller, 'cloudresourcemanager', 'resourcemanager.projects.getIamPolicy', () => ({
      bindings: this.#bindings(),
      audits: this.#audits.all(),
    }));
  }

  /** What is granted on one secret, beside the project. */
  secretPolicy(caller: Caller, secret: string): ApiOutcome<readonly ProjectBinding[]> {
    const call = {
      ...callOf(caller, 'secretmanager', 'secretmanager.secrets.getIamPolicy'),
      resource: `secrets/${secret}`,
    };
    return this.#door.call(call, () => {
      this.#secrets.secret(secret);
      return this.#grants()
        .filter(({ kind, on }) => kind === 'Secrets' && on?.test(`secrets/${secret}/`) === true)
        .map(({ principal, role }) => ({ role, members: [memberOf(principal)] }));
    });
  }

  /** Which of some permissions the caller has on the project. Anybody may ask it of himself. */
  tested(caller: Caller, permissions: readonly string[]): ApiOutcome<readonly string[]> {
    const own = (): readonly string[] =>
      permissions.filter((permission) => this.#iam.allows(caller.principal, permission));
    return this.#door.call(callOf(caller, 'cloudresourcemanager', 'resourcemanager.projects.get'), own, ['*']);
  }

  role(caller: Caller, name: string): ApiOutcome<Role> {
    return this.#call(caller, 'iam', 'iam.roles.get', () => this.#role(name));
  }

  enabled(caller: Caller): ApiOutcome<readonly string[]> {
    return this.#call(caller, 'serviceusage', 'serviceusage.services.list', () => [...this.#enabled].toSorted());
  }

  /** Thousandths of a processor that Cloud Run gives to each region, and to every other. */
  runProcessors(caller: Caller): ApiOutcome<ReadonlyMap<string, number>> {
    return this.#call(caller, 'serviceusage', 'serviceusage.quotas.get', () => this.#runProcessors);
  }

  /** What an increase of that quota does. */
  giveProcessors(region: string, milli: number): void {
    this.#runProcessors.set(region, milli);
  }

  /** What `gcloud services enable` and `disable` do here: the service is listed, or no longer is. */
  enable(service: string): void {
    this.#enabled.add(service);
  }

  disable(service: string): void {
    this.#enabled.delete(service);
  }

  #call<T>(caller: Caller, api: Api, permission: string, effect: () => T): ApiOutcome<T> {
    return this.#door.call(callOf(caller, api, permission), effect);
  }

  #bindings(): readonly ProjectBinding[] {
    return this.#grants()
      .filter(({ kind }) => kind !== 'Secrets')
      .map(({ principal, role, on }) => ({
        role,
        members: [memberOf(principal)],
        ...(on === undefined ? {} : { condition: { title: 'by name', expression: this.#expression(on) } }),
      }));
  }

  /** What each principal has, by what it is given on. */
  #grants() {
    return [...this.#iam.granted()].flatMap(([principal, grants]) => {
      const kept = grants.filter(({ permission }) => !/^(k8s\.|pubsub\.topics\.publish$)/.test(permission));
      if (kept.some(({ permission }) => permission.endsWith('.*')))
        return [{ principal, kind: 'Project', role: EVERYTHING, on: undefined, permissions: [] }];
      return [...new Set(kept.map(kindOf))].map((kind) => {
        const own = kept.filter((grant) => kindOf(grant) === kind);
        const role = `projects/${this.project.id}/roles/${accountOf(principal)}${kind}`;
        return { principal, kind, role, on: own[0]?.on, permissions: own.map(({ permission }) => permission) };
      });
    });
  }

  /** A condition on names, as IAM's language says it. */
  #expression({ source }: RegExp): string {
    const [, kind = '', names = ''] = /^\^(\w+)\\\/\(([^)]*)\)\$$/.exec(source) ?? [];
    return names
      .split('|')
      .map((name) => `resource.name == "projects/${this.project.id}/${kind}/${name}"`)
      .join(' || ');
  }

  #role(name: string): Role {
    const predefined = STORAGE_ROLES[name];
    if (predefined !== undefined && !predefined.some((permission) => permission.endsWith('*')))
      return { name, title: name.replace('roles/', ''), permissions: predefined };
    if (name.startsWith('roles/')) throw new ApiError(501, 'notImplemented', `The sandbox does not spell out ${name}.`);
    const own = this.#grants().find(({ role }) => role === name);
    if (own === undefined) throw new ApiError(404, 'notFound', `The role named ${name} was not found.`);
    return { name, title: name.slice(name.lastIndexOf('/') + 1), permissions: own.permissions.toSorted() };
  }
}

/** `dr-classify@…` is `drClassify`, as Terraform names the roles. */
const accountOf = (principal: Principal): string =>
  (principal.split('@')[0] ?? '').replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** What a grant is given on: `Project`, or what its condition names, such as `Instances`. */
function kindOf({ on }: Grant): string {
  const [, kind = 'project'] = /^\^(\w+)/.exec(on?.source ?? '') ?? [];
  return `${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}`;
}

const callOf = (caller: Caller, api: Api, permission: string): ApiCall => ({
  api,
  permission,
  resource: 'project',
  writes: false,
  ...caller,
});
