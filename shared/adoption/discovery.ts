import type { InstanceStatus } from '../ports/databases.ts';
import type { CacheInstance } from '../ports/lookout.ts';
import type { Reading } from './finding.ts';

// What a live project has, of what `dr.yaml` is about: found by `./dr init`.

/** A Deployment of a team: those of Kubernetes and of Google are left out. */
export interface FoundDeployment {
  readonly cluster: string;
  readonly location: string;
  readonly namespace: string;
  readonly name: string;
  readonly container: string;
  readonly replicas: number;
  /** Up to which its autoscaler goes; `undefined`: it has none. */
  readonly most: number | undefined;
}

/** A Cloud Run service. */
export interface FoundService {
  readonly name: string;
  readonly region: string;
  readonly url: string;
  readonly most: number | undefined;
  /** Secrets of Secret Manager that its environment reads. */
  readonly secrets: readonly string[];
}

/** An A record of a zone. */
export interface FoundRecord {
  readonly zone: string;
  readonly host: string;
  readonly ttlSeconds: number;
  readonly addresses: readonly string[];
}

/** A bucket. `isLocked`: nobody can shorten how long it keeps what is in it. */
export interface FoundBucket {
  readonly name: string;
  readonly isLocked: boolean;
}

/** All of it. What could not be read is said in the file. */
export interface Discovery {
  readonly project: string;
  readonly instances: Reading<readonly InstanceStatus[]>;
  readonly deployments: Reading<readonly FoundDeployment[]>;
  readonly services: Reading<readonly FoundService[]>;
  readonly secrets: Reading<readonly string[]>;
  readonly buckets: Reading<readonly FoundBucket[]>;
  readonly urlMaps: Reading<readonly { readonly name: string; readonly backendService: string }[]>;
  readonly records: Reading<readonly FoundRecord[]>;
  readonly caches: Reading<readonly CacheInstance[]>;
}
