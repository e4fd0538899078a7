import type { Applications } from './application.ts';
import { ApplicationFront, type Backend, inTurn, type Way } from './application-front.ts';
import type { WorldKernel } from './create-kernel.ts';
import type { Kubernetes } from './kubernetes.ts';
import { REFERENCE } from './reference-system.ts';
import { SERVICES } from './reference-world.ts';
import type { Run } from './run.ts';
import type { ServiceSpec } from './run-spec.ts';
import type { PressedWorkload } from './workload-pressure.ts';

/** What Cloud Run's front end lets in by the ingress setting of a service (cloud.google.com/run/docs/securing/ingress). */
function isLetIn(ingress: ServiceSpec['ingress'], way: Way): boolean {
  switch (ingress) {
    case 'INGRESS_TRAFFIC_ALL':
      return true;
    case 'INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER':
      return way === 'loadBalancer';
    case 'INGRESS_TRAFFIC_INTERNAL_ONLY':
      return false;
  }
}

/** The services of the reference system as they are reached from outside. */
export function createFront(
  kernel: WorldKernel,
  applications: Applications,
  kubernetes: Kubernetes,
  run: Run,
  load: PressedWorkload,
): ApplicationFront {
  const front = new ApplicationFront(kernel.network, applications);
  const { namespace, api, prober, region } = REFERENCE;
  // The load balancer's own checks are not let in either: no pod is healthy for it then.
  const pods = (service: string) => {
    const next = inTurn(() => reached(service).map((name) => applications.byId(name)));
    return (): Backend => (reached(service).length === 0 ? { kind: 'none', status: 503 } : next());
  };
  const reached = (service: string) =>
    kubernetes.readyPods(namespace, service).filter((name) => kubernetes.lets('Ingress', namespace, name));
  const instances = (service: string) => (): Backend => {
    const route = run.route({ location: region, service });
    if (route.kind === 'turnedAway') return { kind: 'none', status: route.status };
    if (route.kind !== 'instance') return { kind: 'none', status: 503 };
    return { kind: 'instance', instance: route.application };
  };
  const next = pods(api);
  const pressed = (): Backend =>
    load.turnsAway(kubernetes.readyPods(namespace, api).length) ? { kind: 'none', status: 503 } : next();
  front.add(SERVICES.apiGke, { front: 'ingress', place: 'pods', next: pressed });
  front.add(SERVICES.proberGke, { front: 'ingress', place: 'pods', next: pods(prober) });
  for (const [name, service] of [
    [SERVICES.apiRun, api],
    [SERVICES.proberRun, prober],
  ] as const) {
    const lets = (way: Way): boolean => isLetIn(run.service({ location: region, service }).spec.ingress, way);
    const delay = () => run.delay({ location: region, service });
    front.add(name, { front: 'cloudRun', place: 'cloudRun', next: instances(service), lets, delay });
  }
  return front;
}
