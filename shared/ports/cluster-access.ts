// What somebody may do in a cluster, as the cluster itself answers it: for people who look whether an installation is set up well, under
// their own identity. No function is given any of it.

/** A namespace of a cluster. */
export interface ClusterPlace {
  readonly cluster: string;
  readonly location: string;
  readonly namespace: string;
}

/** One verb on one resource, as a Role has them. `group` is empty for the core group, `subresource` for the resource itself; `*`: any. */
export interface ClusterRule {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly verb: string;
}

/** Reads only. Rejects with `PortError`; `forbidden` where whoever asks may ask of nobody else. */
export interface ClusterAccess {
  /** Whether a user of the cluster may do it there. */
  allows(place: ClusterPlace, user: string, rule: ClusterRule): Promise<boolean>;
}
