import { canonicalJson } from '../../shared/core/json.ts';
import { ApiError } from './kernel.ts';

// What a user says of a Cloud Run service, in words that the v2 and the v1 (Knative) API share, and the rules for it.

/** A service by its place and name. */
export interface RunServiceRef {
  readonly location: string;
  readonly service: string;
}

/** Service-level scaling. A member is `undefined` where nothing was said. */
export interface ServiceScaling {
  readonly mode: 'AUTOMATIC' | 'MANUAL';
  /** Kept running whether there are requests or not, divided among the revisions by their traffic. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  /** Exactly so many instances; only with MANUAL. */
  readonly manual: number | undefined;
}

/** An environment variable: a value, or a secret whose version `latest` is read when an instance starts. */
export type EnvironmentVariable =
  | { readonly kind: 'value'; readonly name: string; readonly value: string }
  | { readonly kind: 'secret'; readonly name: string; readonly secret: string };

/** What revisions are made of. Any difference makes a new revision. */
export interface RevisionTemplate {
  /** A name that the user chose; a changed template under the same name is refused. */
  readonly revision: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly image: string;
  readonly env: readonly EnvironmentVariable[];
  readonly limits: Readonly<Record<string, string>>;
  readonly port: number;
  readonly concurrency: number;
  readonly timeoutSeconds: number;
  readonly serviceAccount: string | undefined;
  /** Revision-level minimum: what the runbook's `--min-instances` sets, at the price of a new revision. */
  readonly min: number | undefined;
  readonly max: number | undefined;
}

/** A share of the requests for a revision, or for the latest that is ready. */
export interface TrafficTarget {
  /** `undefined`: the latest ready revision. */
  readonly revision: string | undefined;
  readonly percent: number;
}

/** All that a user sets. */
export interface ServiceSpec {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly description: string;
  readonly ingress: 'INGRESS_TRAFFIC_ALL' | 'INGRESS_TRAFFIC_INTERNAL_ONLY' | 'INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER';
  readonly scaling: ServiceScaling;
  readonly template: RevisionTemplate;
  readonly traffic: readonly TrafficTarget[];
  /** Whether it lets everybody call it (`invokerIamDisabled`). */
  readonly open?: true | undefined;
}

/** Most instances that may be asked for (docs: 1,000 unless the quota says otherwise). */
export const INSTANCES_MAX = 1_000;

/** What instances start with unless said otherwise. */
export const TEMPLATE_DEFAULTS = {
  revision: undefined,
  labels: {},
  annotations: {},
  env: [],
  limits: { cpu: '1000m', memory: '512Mi' },
  port: 8080,
  concurrency: 80,
  timeoutSeconds: 300,
  serviceAccount: undefined,
  min: undefined,
  max: undefined,
} as const satisfies Omit<RevisionTemplate, 'image'>;

/** Whether two templates make the same revision: names aside, everything counts. */
export function sameTemplate(a: RevisionTemplate, b: RevisionTemplate): boolean {
  return canonicalJson({ ...a, revision: undefined }) === canonicalJson({ ...b, revision: undefined });
}

/** The secret that the application reads its database's address from. */
export function secretOf(template: RevisionTemplate): string | undefined {
  return template.env.find((variable) => variable.kind === 'secret')?.secret;
}

/**
 * Scaling as it is stored: MANUAL takes over the former minimum when no count is given, and forgets minimum and maximum;
 * AUTOMATIC forgets the count (docs "Manual scaling", table of switching). Whoever holds a service must restore both.
 */
export function normalScaling(wanted: ServiceScaling, former: ServiceScaling): ServiceScaling {
  if (wanted.mode === 'AUTOMATIC') return { ...wanted, manual: undefined };
  return { mode: 'MANUAL', min: undefined, max: undefined, manual: wanted.manual ?? wanted.min ?? former.min ?? 0 };
}

/** Throws 400 for what the API refuses. */
export function checkSpec(service: string, spec: ServiceSpec, revisions: readonly string[]): void {
  const { scaling, template, traffic } = spec;
  checkCounts('scaling', scaling.min, scaling.max);
  checkCounts('template.scaling', template.min, template.max);
  checkCount('scaling.manual_instance_count', scaling.manual);
  if (template.image === '') throw invalid('template.containers[0].image', 'must be set');
  if (template.revision !== undefined && !template.revision.startsWith(`${service}-`)) {
    throw invalid('template.revision', `must begin with the name of the service, '${service}-'`);
  }
  const total = traffic.reduce((sum, { percent }) => sum + percent, 0);
  if (total !== 100) throw invalid('traffic', `the percentages must sum up to 100, and not ${total}`);
  const unknown = traffic.find(({ revision }) => revision !== undefined && !revisions.includes(revision));
  if (unknown) throw invalid('traffic', `Revision '${unknown.revision ?? ''}' was not found`);
}

function checkCounts(at: string, min: number | undefined, max: number | undefined): void {
  checkCount(`${at}.min_instance_count`, min);
  checkCount(`${at}.max_instance_count`, max);
  if (max === 0) throw invalid(`${at}.max_instance_count`, 'must be greater than 0');
  if (min !== undefined && max !== undefined && min > max) {
    throw invalid(`${at}.min_instance_count`, 'must not be greater than max_instance_count');
  }
}

function checkCount(at: string, count: number | undefined): void {
  if (count === undefined) return;
  if (!Number.isInteger(count) || count < 0 || count > INSTANCES_MAX)
    throw invalid(at, `must be from 0 to ${INSTANCES_MAX}`);
}

const invalid = (at: string, why: string): ApiError =>
  new ApiError(400, 'badRequest', `Violation in UpdateServiceRequest.service.${at}: ${why}`);
