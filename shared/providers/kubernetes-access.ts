import { z } from 'zod';
import type { ClusterAccess, ClusterPlace, ClusterRule } from '../ports/cluster-access.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import type { GoogleAccess } from './google-call.ts';
import { type ClusterApis, createClusters } from './kubernetes-connection.ts';

// What somebody may do in a cluster (authorization.k8s.io/v1). It is asked in the way that takes least: a review for one namespace, which
// whoever administers the namespace may create; where that is refused, a review of the caller's own rights while the caller acts as the
// user in question, which takes the right to impersonate. Neither changes anything. Not seen on a real cluster yet.

/** The ways, in the order in which they are tried. */
const WAYS = ['review', 'impersonation'] as const;
type Way = (typeof WAYS)[number];

/** In which every user is whom the cluster has let in; who acts as a user is in it by itself. */
const EVERYBODY = 'system:authenticated';

const wire = z.object({ status: z.object({ allowed: z.boolean() }) });

/** Asks as whoever the access says. */
export function createKubernetesAccess(access: GoogleAccess): ClusterAccess {
  const clusters = createClusters(access);
  const ask = (place: ClusterPlace, user: string, rule: ClusterRule, way: Way): Promise<boolean> =>
    clusters.call(place, { doing: `asking what ${user} may do in ${place.cluster}`, effect: 'reads' }, (apis, signal) =>
      askBy[way](apis, signal, { place, user, rule }),
    );
  /** What was refused once for a place would be for every rule and user. */
  const open = new Map<string, readonly Way[]>();
  return {
    allows: async (place, user, rule) => {
      const key = `${place.location}/${place.cluster}/${place.namespace}`;
      for (const way of WAYS) {
        if (open.get(key)?.includes(way) === false) continue;
        try {
          return await ask(place, user, rule, way);
        } catch (error) {
          if (!isPortError(error) || error.code !== 'forbidden') throw error;
          open.set(
            key,
            (open.get(key) ?? WAYS).filter((other) => other !== way),
          );
        }
      }
      throw new PortError('permanent', 'forbidden', `asking what ${user} may do in ${place.cluster}`);
    },
  };
}

interface Question {
  readonly place: ClusterPlace;
  readonly user: string;
  readonly rule: ClusterRule;
}

const askBy: Readonly<Record<Way, (apis: ClusterApis, signal: AbortSignal, question: Question) => Promise<boolean>>> = {
  review: async ({ make, options }, signal, { place: { namespace }, user, rule }) => {
    const { AuthorizationV1Api } = await import('./kubernetes-authorization.ts');
    const body = { spec: { user, groups: [EVERYBODY], resourceAttributes: { namespace, ...rule } } };
    const said: unknown = await make(AuthorizationV1Api).createNamespacedLocalSubjectAccessReview(
      { namespace, body: { ...body, metadata: { namespace } } },
      options(signal),
    );
    return wire.parse(said).status.allowed;
  },
  impersonation: async ({ make, options }, signal, { place: { namespace }, user, rule }) => {
    const { AuthorizationV1Api } = await import('./kubernetes-authorization.ts');
    const body = { spec: { resourceAttributes: { namespace, ...rule } } };
    const said: unknown = await make(AuthorizationV1Api).createSelfSubjectAccessReview(
      { body },
      options(signal, undefined, user),
    );
    return wire.parse(said).status.allowed;
  },
};
