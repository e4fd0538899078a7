import type { InstanceReality } from '../shared/incident/reality.ts';
import { identifier, type Part, type Raw } from './hcl.ts';
import type { Declared } from './reality-hcl.ts';
import { blockOf, placeOf, type StateResource, textOf } from './terraform-state.ts';

// What a block of an instance of Cloud SQL has to say after a recovery.

/** What is true of an instance now, in a sentence. */
export function whatIsTrueOf({
  instance,
  isProtected,
  madeAsReplicaOf,
  stopped,
  tookPlaceOf,
}: InstanceReality): string {
  const said = [
    ...(tookPlaceOf === undefined
      ? []
      : [
          tookPlaceOf.as === 'replica'
            ? `was a replica of ${tookPlaceOf.former} and is the primary`
            : `is a copy from a backup and took the place of ${tookPlaceOf.former}`,
        ]),
    ...(madeAsReplicaOf === undefined ? [] : [`is a new replica of ${madeAsReplicaOf.primary}`]),
    ...(stopped === undefined
      ? []
      : [
          stopped === 'seen'
            ? 'is stopped, and stays so: it must take no writes beside the present primary'
            : 'was asked to stop, and nobody saw it: see that it is, before anything else',
        ]),
    ...(isProtected === true ? ['has HA, backups, point-in-time recovery and protection from deletion'] : []),
  ];
  return `${instance} ${said.join('; ')}.`;
}

/** The lines by which it is found, and what has to be in it. */
export function instanceParts(
  reality: InstanceReality,
  own: StateResource | undefined,
  declared: Declared,
): readonly Part[] {
  const { instance, madeAsReplicaOf, tookPlaceOf } = reality;
  const like = own ?? likeOf(reality, declared);
  const version = like === undefined ? undefined : textOf(like, 'database_version');
  const region = madeAsReplicaOf?.region ?? (like === undefined ? undefined : textOf(like, 'region'));
  const former = own === undefined ? undefined : textOf(own, 'master_instance_name');
  return [
    { name: 'name', value: instance },
    ...(region === undefined ? [] : [{ name: 'region', value: region }]),
    { name: 'database_version', value: version ?? UNKNOWN_VERSION },
    ...(madeAsReplicaOf === undefined
      ? []
      : [
          { name: 'master_instance_name', value: referenceTo(madeAsReplicaOf.primary, declared) },
          { name: 'instance_type', value: 'READ_REPLICA_INSTANCE' },
        ]),
    ...(tookPlaceOf === undefined ? [] : [{ name: 'instance_type', value: 'CLOUD_SQL_INSTANCE' }]),
    ...(tookPlaceOf?.as !== 'replica'
      ? []
      : [
          {
            comment: `Without master_instance_name${former === undefined ? '' : ` (it was ${former})`}, and without replica_configuration where there is one.`,
          },
        ]),
    { block: 'settings', parts: settingsOf(reality, own, like) },
  ];
}

/** Where nothing says which: a plan refuses it, as it should. */
const UNKNOWN_VERSION = 'WRITE_ITS_VERSION_HERE';

function settingsOf(
  { isProtected, stopped }: InstanceReality,
  own: StateResource | undefined,
  like: StateResource | undefined,
): readonly Part[] {
  const known = like === undefined ? undefined : blockOf(like, 'settings');
  const tier = known === undefined ? undefined : textOf(known, 'tier');
  const network = own !== undefined || known === undefined ? undefined : blockOf(known, 'ip_configuration');
  const privateNetwork = network === undefined ? undefined : textOf(network, 'private_network');
  return [
    { name: 'tier', value: tier ?? 'WRITE_ITS_TIER_HERE' },
    ...(stopped === undefined ? [] : [{ name: 'activation_policy', value: 'NEVER' }]),
    ...(isProtected !== true
      ? []
      : [
          { name: 'availability_type', value: 'REGIONAL' },
          { name: 'deletion_protection_enabled', value: true },
          {
            block: 'backup_configuration',
            parts: [
              { name: 'enabled', value: true },
              { name: 'point_in_time_recovery_enabled', value: true },
            ],
          },
        ]),
    ...(privateNetwork === undefined
      ? []
      : [{ comment: `What it was made like is in ${privateNetwork}: see whether it is, too.` }]),
  ];
}

/** What a new instance was made like: a replica like its primary, a copy like what it stands for. */
function likeOf({ madeAsReplicaOf, tookPlaceOf }: InstanceReality, { resources }: Declared): StateResource | undefined {
  const model = madeAsReplicaOf?.primary ?? tookPlaceOf?.former;
  return resources?.find(
    (resource) => resource.type === 'google_sql_database_instance' && textOf(resource, 'name') === model,
  );
}

/** The primary by its resource, where that stands in the same files under a name of its own. */
function referenceTo(primary: string, { resources, reality }: Declared): string | Raw {
  const own = resources?.find(
    (resource) => resource.type === 'google_sql_database_instance' && textOf(resource, 'name') === primary,
  );
  if (own === undefined) return primary;
  const { module, name, key } = placeOf(own);
  if (module !== undefined) return primary;
  const movesOut =
    key !== undefined && reality.instances.some((one) => one.instance === primary && one.tookPlaceOf !== undefined);
  if (movesOut) return { raw: `google_sql_database_instance.${identifier(primary)}.name` };
  return key === undefined ? { raw: `google_sql_database_instance.${name}.name` } : primary;
}
