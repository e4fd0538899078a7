import type { Case } from './contradiction-cases.ts';

/** About regions and what takes over when one is lost. */
export const REGIONS: readonly Case[] = [
  [
    'a region that would go on in itself',
    [[['regions', 0, 'secondary'], 'us-central1']],
    'regions[0].secondary: is the region that would be lost',
    'regions[0].application: is no Cloud Run application in us-central1',
  ],
  [
    'a region in which nothing is',
    [[['regions', 0, 'region'], 'europe-west1']],
    'regions[0].region: has no database: what is only served there needs no plan that promotes',
  ],
  [
    'a region that no entrance can lead away from',
    [[['entrances', 0, 'backends', 2], undefined]],
    'regions[0].application: is reached by no entrance of us-central1: there would be no traffic to move',
  ],
  [
    'a secondary that is a consumer of the primary',
    [[['applications', 2, 'dependsOn'], ['coditect-dms-db']]],
    'applications[2].dependsOn: would be held with the consumers of coditect-dms-db, although it waits beside a replica',
  ],
  [
    'a secondary that reads where the primary is',
    [
      [['applications', 2, 'databaseSecret'], 'coditect-dms-database-url'],
      [['rotation'], []],
    ],
    'applications[2].databaseSecret: is shared with api-gke, which writes to the primary: it would not wait beside the replica',
  ],
  [
    'a secondary from whose place nobody can speak',
    [[['applications', 2, 'probes', 'vantage'], undefined]],
    'applications[2].probes.vantage: is missing: nobody in us-east1 could say whether the old primary is reached from there',
  ],
  [
    'more instances than the secondary may have',
    [[['regions', 0, 'instances'], 11]],
    'regions[0].instances: is more than maxInstances of api-east allows',
  ],
  [
    'a region whose data would stay',
    [[['databases', 0, 'replicas', 1], undefined]],
    'regions[0].secondary: has no replica of coditect-dms-db, so its data would stay in us-central1',
  ],
  [
    'a region whose database may not be promoted',
    [[['databases', 0, 'remedies'], ['restart']]],
    'regions[0].region: has coditect-dms-db, whose remedies list no promote',
  ],
];
