import type { Applications } from './application.ts';
import { type ApplicationFront, type Backend, wayName } from './application-front.ts';
import type { Monitoring } from './monitoring.ts';
import { loadBalancerSource, runInstancesSource, runSource } from './monitoring-sources.ts';
import type { Project } from './project.ts';
import { SECONDARY } from './reference-system.ts';
import { REFERENCE_BALANCERS, SECONDARY_BACKEND, SECONDARY_SERVICES } from './reference-world.ts';
import type { Run } from './run.ts';

// The second region of the reference system: the API on Cloud Run beside the replica that stands there, which it reads and can't
// write to until that is promoted, and its prober.

const SERVICE_OF = [
  [SECONDARY.api, SECONDARY_SERVICES.api],
  [SECONDARY.prober, SECONDARY_SERVICES.prober],
] as const;

/** Lets its services be asked. */
export function addSecondaryFront(front: ApplicationFront, run: Run): void {
  for (const [service, name] of SERVICE_OF) {
    const next = (): Backend => {
      const route = run.route({ location: SECONDARY.region, service });
      if (route.kind === 'turnedAway') return { kind: 'none', status: route.status };
      return route.kind === 'instance'
        ? { kind: 'instance', instance: route.application }
        : { kind: 'none', status: 503 };
    };
    front.add(name, { front: 'cloudRun', place: SECONDARY.place, next });
  }
}

/** Lets Monitoring count what they are asked, by themselves and by the load balancers. */
export function addSecondarySources(
  monitoring: Monitoring,
  { project, front, run }: { readonly project: Project; readonly front: ApplicationFront; readonly run: Run },
): void {
  for (const { urlMap } of REFERENCE_BALANCERS) {
    const { name: backendService } = SECONDARY_BACKEND;
    const counts = () => front.counts(wayName({ urlMap, backendService }));
    monitoring.addSource(loadBalancerSource(project, { urlMap, backendService, counts }));
  }
  for (const [service, name] of SERVICE_OF) {
    const ref = { location: SECONDARY.region, service };
    const revision = (): string => run.service(ref).latestReady;
    const about = { name: service, location: SECONDARY.region, revision };
    monitoring.addSource(runSource(project, { ...about, counts: () => front.counts(name) }));
    const active = () => run.active(ref);
    monitoring.addSource(runInstancesSource(project, { ...about, active, running: () => run.instances(ref).length }));
  }
}

/** Whether its prober is well and a copy of its API runs; that one says of itself that it can't write, as it should. */
export const isSecondaryUp = (front: ApplicationFront, applications: Applications): boolean =>
  front.isWell(SECONDARY_SERVICES.prober) &&
  applications
    .running()
    .some((process) => process.place === SECONDARY.place && process.role === 'api' && process.ready());
