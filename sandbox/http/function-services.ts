import { type ApiDoor, ApiError } from '../world/kernel.ts';
import type { Project } from '../world/project.ts';
import { answer } from './google-error.ts';
import { callerOf, checkProject, queryOf } from './google-request.ts';
import type { Route } from './router.ts';

// Functions as what they are in the cloud: services of Cloud Run, whose settings whoever may read a service reads. They are read one by
// one and never changed here: the sandbox starts them as processes.

/** A function as it was deployed in a region. */
export interface DeployedFunction {
  /** Of the service. */
  readonly service: string;
  readonly region: string;
  readonly env: Readonly<Record<string, string>>;
  /** Secrets that are mounted into it, each with the version that is. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** The routes of some services, before those of all others. */
export function functionServiceRoutes(parts: {
  readonly project: Project;
  readonly door: ApiDoor;
  readonly services: readonly string[];
  readonly deployed: () => readonly DeployedFunction[];
}): readonly Route[] {
  const { project, door, services, deployed } = parts;
  if (services.length === 0) return [];
  const pattern = `/v2/projects/(?<project>[^/]+)/locations/(?<region>[^/]+)/services/(?<service>${services.join('|')})`;
  return [
    {
      method: 'GET',
      pattern: new RegExp(pattern),
      handle(request, { project: named, region = '', service = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        const call = {
          ...callerOf(request),
          api: 'run',
          permission: 'run.services.get',
          resource: `services/${service}`,
          writes: false,
        } as const;
        const name = `projects/${project.id}/locations/${region}/services/${service}`;
        const found = door.call(call, () => {
          const one = deployed().find((copy) => copy.service === service && copy.region === region);
          if (one === undefined) throw notFoundService(name);
          return one;
        });
        return answer(found, (one) => serviceJson(name, one));
      },
    },
  ];
}

const notFoundService = (name: string): ApiError => new ApiError(404, 'notFound', `Resource '${name}' was not found`);

function serviceJson(name: string, { env, secrets }: DeployedFunction): unknown {
  const mounts = Object.entries(secrets);
  return {
    name,
    template: {
      containers: [
        {
          resources: { limits: { cpu: '1', memory: '1Gi' } },
          env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
          volumeMounts: mounts.map(([secret]) => ({ name: secret, mountPath: `/keys/${secret}` })),
        },
      ],
      volumes: mounts.map(([secret, version]) => ({
        name: secret,
        secret: { secret, items: [{ path: 'value', version }] },
      })),
    },
  };
}
