import { z } from 'zod';

// Cutting an application off in a way that keeps its copies, and what was there before (runbook 7.1, corrected: zero replicas would
// destroy what they know).

/** Who may reach a Cloud Run service: everybody, load balancers too, or only its own project's networks. */
export const INGRESSES = ['all', 'internalAndLoadBalancing', 'internal'] as const;
export type Ingress = (typeof INGRESSES)[number];

/** What stands between an application and everybody else. */
export type IsolationStatus =
  | {
      readonly kind: 'gke';
      /** The NetworkPolicy of ours, by its name; `null` when there is none of that name. */
      readonly policy: {
        readonly uid: string;
        readonly version: string;
        /** The incident whose label it carries; `null` when somebody else has made it. */
        readonly incident: string | null;
        /** Selects exactly the application's pods and lets nothing in or out. */
        readonly deniesAll: boolean;
      } | null;
    }
  | { readonly kind: 'cloudRun'; readonly ingress: Ingress; readonly settled: boolean; readonly etag: string };

/** What the product asks for an application, by its `dr.yaml` id. Rejects with `PortError`. */
export interface Isolation {
  inspect(application: string): Promise<IsolationStatus>;
  /** Named: lets nothing into the pods of a Deployment or out of them. One that exists is `conflict`. */
  deny(application: string, incident: string): Promise<void>;
  /** Takes exactly that policy away; another one, or another version of it, is `conflict`. */
  admit(application: string, policy: { readonly uid: string; readonly version: string }): Promise<void>;
  /** Of a Cloud Run service, without a new revision; a stale etag is `conflict`. Returns the operation's name. */
  setIngress(application: string, ingress: Ingress, etag: string): Promise<string>;
}

/** An isolation that is in force or may be, as the document `isolation/<application>`; `null` once it has been lifted. */
export interface IsolationRecord {
  readonly version: 1;
  readonly incident: string;
  readonly application: string;
  /** Of a Cloud Run service: what lifting goes back to. */
  readonly ingressBefore: Ingress | null;
  readonly recordedAtMs: number;
}

/** A record as it is stored, here and inside of facts. */
export const isolationRecordWire: z.ZodType<IsolationRecord> = z.strictObject({
  version: z.literal(1),
  incident: z.string(),
  application: z.string(),
  ingressBefore: z.enum(INGRESSES).nullable(),
  recordedAtMs: z.number(),
});

/** A status as it is stored inside of facts. */
export const isolationStatusWire: z.ZodType<IsolationStatus> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('gke'),
    policy: z
      .strictObject({ uid: z.string(), version: z.string(), incident: z.string().nullable(), deniesAll: z.boolean() })
      .nullable(),
  }),
  z.strictObject({
    kind: z.literal('cloudRun'),
    ingress: z.enum(INGRESSES),
    settled: z.boolean(),
    etag: z.string(),
  }),
]);

/** The document in which the record of an application's isolation is kept. */
export const isolationKey = (application: string): string => `isolation/${application}`;
