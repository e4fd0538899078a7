import { duration, instance, kubernetesName, list, location, map, text } from './schema-parts.ts';

// The part of the schema that says how rows are brought back from a clone.

const writer = map({
  name: text('the application_name of its sessions, such as bulk-import', /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/).describe(
    'The application_name of its sessions, by which the database tells who wrote.',
  ),
  cluster: kubernetesName('a GKE cluster').describe('The GKE cluster in which it runs.'),
  location: location().describe('The zone or region of the cluster.'),
  namespace: kubernetesName('a namespace').describe('Its namespace.'),
  deployment: kubernetesName('a Deployment').describe('Its Deployment.'),
});

/** `databases[].recovery`. */
export const recovery = map({
  instances: list(instance(), 'instance names').describe(
    'Names for clones, one for each moment that people name. A name that exists is not touched.',
  ),
  lookBack: duration()
    .prefault('1h')
    .describe('How far before the request the good moment is looked for where nobody names it.'),
  writers: list(writer, 'writers')
    .prefault([])
    .describe('What writes to it beside its consumers, and may be paused by an approval.'),
}).describe('Bringing rows back from a moment before the damage.');
