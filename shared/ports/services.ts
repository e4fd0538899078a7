/** A Cloud Run service, by its `dr.yaml` application id. */
export type ServiceId = string;

/** How a service scales. `held`: manual scaling to zero, which takes it out of service until it is released. */
export type ServiceScaling =
  | { readonly kind: 'automatic'; readonly min: number; readonly max: number | undefined }
  | { readonly kind: 'manual'; readonly instances: number };

/** A Cloud Run service as its API describes it. */
export interface ServiceStatus {
  readonly scaling: ServiceScaling;
  /** The most instances that its revision asks for, which holds whatever the service says; `undefined`: none of its own. */
  readonly revisionMax: number | undefined;
  readonly ready: boolean;
  /** `false` while a change is being carried out. */
  readonly settled: boolean;
  readonly etag: string;
  readonly revision: string | undefined;
  readonly url: string | undefined;
}

/** What the product asks of Cloud Run. Writes carry the etag; stale is `conflict`. Rejects with `PortError`. */
export interface Services {
  inspect(service: ServiceId): Promise<ServiceStatus>;
  /** Changes service-level scaling, which makes no new revision. Returns the operation's name. */
  setScaling(service: ServiceId, scaling: ServiceScaling, etag: string): Promise<string>;
  operation(name: string): Promise<{ readonly done: boolean; readonly error: string | undefined }>;
}
