import { bodyComplaints } from './check-bodies.ts';
import { nameComplaints } from './check-names.ts';
import { policyComplaints } from './check-policies.ts';
import type { ProviderSchema } from './provider-schema.ts';
import { type Complaint, readModules, type Texts } from './read-module.ts';

/** Everything that is wrong with the files of a folder and its modules, by file and line. */
export async function checkTerraform(texts: Texts, schema: ProviderSchema): Promise<readonly Complaint[]> {
  const { modules, complaints } = await readModules(texts);
  return [
    ...complaints,
    ...modules.flatMap((module) => [
      ...module.files.flatMap((file) => bodyComplaints(file, schema)),
      ...nameComplaints(module, modules, schema),
      ...policyComplaints(module),
    ]),
  ];
}
