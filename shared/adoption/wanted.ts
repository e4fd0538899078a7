import type { FunctionName } from '../system/names.ts';
import type { Database, System } from '../system/system.ts';

// Names that follow from `dr.yaml`: what a doctor asks for, and what it is judged by.

/** Ours, by the names that Terraform gives them (terraform/main.tf). */
export const OWN_SECRETS = ['dr-form-key', 'dr-heartbeat-url', 'dr-public-keys', 'dr-signing-key'] as const;

/** Every secret of the protected system that the file names. */
export const systemSecrets = ({ applications, databases, rotation }: System): readonly string[] =>
  unique([
    ...applications.flatMap(({ databaseSecret }) => databaseSecret ?? []),
    ...databases.flatMap(({ rows }) => rows?.databaseSecret ?? []),
    ...rotation.map(({ name }) => name),
  ]);

/** Where dumps lie, as `gs://bucket/prefix`. */
export const dumpPlaces = ({ databases }: System): readonly string[] =>
  unique(databases.flatMap(({ restore }) => restore?.dumps ?? []));

/** Buckets by what they are for, as permissions are given on them. */
export function bucketsOf(system: System): Readonly<Record<'rows' | 'evidence' | 'dumps', readonly string[]>> {
  return {
    rows: unique(system.databases.flatMap(({ rows }) => (rows === undefined ? [] : bucketOf(rows.files)))),
    evidence: system.forensics === undefined ? [] : [system.forensics.bucket],
    dumps: unique(dumpPlaces(system).map(bucketOf)),
  };
}

/** The e-mail of a function's account (terraform/modules/function). */
export const accountOf = (name: FunctionName, project: string): string =>
  `dr-${name}@${project}.iam.gserviceaccount.com`;

/** Regions in which heal raises Deployments, whose nodes need processors. */
export const clusterRegions = ({ applications }: System): readonly string[] =>
  unique(
    applications.flatMap((application) =>
      application.kind === 'gke' ? application.location.replace(/-[a-z]$/, '') : [],
    ),
  );

/** Instances that exist only while an incident lasts. */
export const passingInstances = ({ restore, recovery }: Database): readonly string[] => [
  ...(restore === undefined ? [] : [restore.instance]),
  ...(recovery?.instances ?? []),
];

const bucketOf = (place: string): string => place.replace('gs://', '').split('/')[0] ?? '';
const unique = <T>(items: readonly T[]): readonly T[] => [...new Set(items)];
