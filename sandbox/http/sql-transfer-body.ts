import { z } from 'zod';
import type { RestoreDraft } from '../world/sql-restore.ts';
import type { ExportDraft, ImportDraft } from '../world/sql-transfers.ts';
import { enumOf, int64 } from './sql-body.ts';

// Bodies of export, import, restore and databases, as strict as those of sql-body.ts.

const FILE_TYPES = { SQL: 1, CSV: 2 } as const;

/** How CSV is written and read: only the default is modelled. */
const csvForm = {
  escapeCharacter: z.literal('').optional(),
  quoteCharacter: z.literal('').optional(),
  fieldsTerminatedBy: z.literal('').optional(),
  linesTerminatedBy: z.literal('').optional(),
};

/** gcloud sends both, and `false`. */
const cleaning = z.strictObject({ clean: z.literal(false).nullish(), ifExists: z.literal(false).nullish() }).optional();

/** Body of `instances.export`. */
export const exportBody: z.ZodType<ExportDraft> = z
  .strictObject({
    exportContext: z.strictObject({
      kind: z.literal('sql#exportContext').optional(),
      uri: z.string().min(1),
      databases: z.array(z.string()).default([]),
      fileType: enumOf(FILE_TYPES).default('SQL'),
      offload: z.boolean().nullish(),
      sqlExportOptions: z
        .strictObject({
          tables: z.array(z.string()).optional(),
          schemaOnly: z.boolean().nullish(),
          postgresExportOptions: cleaning,
          threads: z.number().int().nullish(),
          parallel: z.literal(false).nullish(),
        })
        .optional(),
      csvExportOptions: z.strictObject({ selectQuery: z.string().optional(), ...csvForm }).optional(),
    }),
  })
  .transform(({ exportContext: { uri, databases, fileType, offload, sqlExportOptions, csvExportOptions } }) => ({
    uri,
    databases,
    fileType,
    offload: offload ?? false,
    schemaOnly: sqlExportOptions?.schemaOnly ?? false,
    tables: sqlExportOptions?.tables ?? [],
    selectQuery: csvExportOptions?.selectQuery,
  }));

/** Body of `instances.import`. */
export const importBody: z.ZodType<ImportDraft> = z
  .strictObject({
    importContext: z.strictObject({
      kind: z.literal('sql#importContext').optional(),
      uri: z.string().min(1),
      database: z.string().default(''),
      fileType: enumOf(FILE_TYPES).default('SQL'),
      importUser: z.string().optional(),
      sqlImportOptions: z
        .strictObject({
          postgresImportOptions: cleaning,
          threads: z.number().int().nullish(),
          parallel: z.literal(false).nullish(),
        })
        .optional(),
      csvImportOptions: z
        .strictObject({ table: z.string().optional(), columns: z.array(z.string()).optional(), ...csvForm })
        .optional(),
    }),
  })
  .transform(({ importContext: { uri, database, fileType, csvImportOptions } }) => ({
    uri,
    database,
    fileType,
    table: csvImportOptions?.table,
    columns: csvImportOptions?.columns ?? [],
  }));

/** Body of `instances.restoreBackup`; `instanceId` is the source, which is the target itself where nothing is said. */
export const restoreBody: z.ZodType<RestoreDraft> = z
  .strictObject({
    restoreBackupContext: z.strictObject({
      kind: z.literal('sql#restoreBackupContext').optional(),
      backupRunId: int64,
      instanceId: z.string().default(''),
      project: z.string().optional(),
    }),
    // gax adds it.
    restoreInstanceClearOverridesFieldNames: z.array(z.string()).max(0).optional(),
    ignoreMaintenanceVersion: z.literal(false).optional(),
    backup: z.literal('').optional(),
  })
  .transform(({ restoreBackupContext: { backupRunId, instanceId } }) => ({
    backup: String(backupRunId),
    source: instanceId,
  }));

/** Body of `databases.insert`: the new database's name. */
export const databaseBody: z.ZodType<string> = z
  .strictObject({
    kind: z.literal('sql#database').optional(),
    name: z.string().min(1),
    instance: z.string().optional(),
    project: z.string().optional(),
    charset: z.enum(['', 'UTF8']).optional(),
    collation: z.enum(['', 'en_US.UTF8']).optional(),
  })
  .transform(({ name }) => name);

/** Body of `users.update`: the new password. The user is named in the query; the npm client leaves it out of the body, gcloud repeats it. */
export const userBody: z.ZodType<{ readonly name: string | undefined; readonly password: string }> = z
  .strictObject({
    kind: z.literal('sql#user').optional(),
    name: z.string().optional(),
    password: z.string().min(1),
    instance: z.string().optional(),
    project: z.string().optional(),
    host: z.literal('').optional(),
    etag: z.literal('').optional(),
    type: z.union([z.literal('BUILT_IN'), z.literal(0)]).optional(),
    databaseRoles: z.array(z.string()).max(0).optional(),
  })
  .transform(({ name, password }) => ({ name: name === '' ? undefined : name, password }));
