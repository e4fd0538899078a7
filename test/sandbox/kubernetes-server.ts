import { makeServerCertificate, type ServerCertificate } from '../../sandbox/http/kubernetes-certificate.ts';
import { kubeconfig } from '../../sandbox/http/kubernetes-config.ts';
import { kubernetesRoutes } from '../../sandbox/http/kubernetes.ts';
import { kubernetesRefusal } from '../../sandbox/http/kubernetes-status.ts';
import type { StartTimer } from '../../sandbox/http/kubernetes-watch.ts';
import { startServer } from '../../sandbox/http/server.ts';
import { issueToken, principalOf } from '../../sandbox/http/tokens.ts';
import { createKernel, type WorldKernel } from '../../sandbox/world/create-kernel.ts';
import type { Principal, WorldClock } from '../../sandbox/world/kernel.ts';
import { createKubernetes, type Kubernetes, type KubernetesOptions } from '../../sandbox/world/kubernetes.ts';
import { seedReference } from '../../sandbox/world/kubernetes-reference.ts';
import { grantReferenceRoles } from '../../sandbox/world/reference-roles.ts';
import { functionPrincipal, OPERATOR, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { after, instant, seconds } from '../../shared/core/time.ts';

const KEY = 'a key of this test';

/** The reference cluster behind its HTTP face. */
export interface ClusterServer {
  readonly kernel: WorldKernel;
  readonly cluster: Kubernetes;
  readonly base: string;
  readonly tokens: { readonly operator: string; readonly heal: string; readonly expired: string };
  readonly certificate: ServerCertificate | undefined;
  /** A kubeconfig of the operator, in a namespace of the reference system unless said otherwise. */
  kubeconfig(options?: { readonly namespace?: string; readonly authority?: string; readonly token?: string }): string;
  close(): Promise<void>;
}

/** Starts it on loopback, over https when `tls`. */
export async function startCluster(
  clock: WorldClock,
  options: KubernetesOptions & { readonly tls?: boolean; readonly startTimer?: StartTimer } = {},
): Promise<ClusterServer> {
  const { tls: secure = false, startTimer, ...rest } = options;
  const kernel = createKernel({ clock, seed: 1 });
  const cluster = createKubernetes(kernel, rest);
  grantReferenceRoles(kernel.iam);
  seedReference(cluster);
  const certificate = secure ? makeServerCertificate('kubernetes') : undefined;
  const running = await startServer({
    routes: kubernetesRoutes({ cluster, clock, ...(startTimer === undefined ? {} : { startTimer }) }),
    principals: (token) => principalOf(KEY, token, instant(0)),
    refuse: kubernetesRefusal,
    clock,
    ...(certificate === undefined ? {} : { tls: certificate }),
  });
  const base = `${secure ? 'https' : 'http'}://127.0.0.1:${running.port}`;
  const issue = (principal: Principal, expiresAt = after(instant(0), seconds(1))): string =>
    issueToken(KEY, principal, expiresAt);
  const tokens = {
    operator: issue(OPERATOR),
    heal: issue(functionPrincipal('heal')),
    expired: issue(OPERATOR, instant(0)),
  };
  return {
    kernel,
    cluster,
    base,
    tokens,
    certificate,
    kubeconfig: ({ namespace = REFERENCE.namespace, authority = certificate?.cert, token = tokens.operator } = {}) =>
      kubeconfig({ cluster: cluster.name, server: base, authority, token, user: 'operator', namespace }),
    close: () => running.close(),
  };
}
