import { list, map, optional, text } from './schema-parts.ts';

const table = () => text('a table with its schema, such as public.orders', /^[^.\s]{1,63}\.[^.\s]{1,63}$/);
const part = (what: string) => text(what, /^[^.\s]{1,63}\.[^.\s]{1,63}\.[^.\s]{1,63}$/);

/** `databases[].rows` of dr.yaml. */
export const rows = map({
  database: text('the name of a database, such as orders', /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/).describe(
    'The database that the rows are in.',
  ),
  databaseSecret: text('the name of a secret in Secret Manager', /^[\w-]{1,255}$/).describe(
    'The secret with a database URL, whose user reads the rows and changes what people approved. A name, never the URL.',
  ),
  files: text(
    'a place in Cloud Storage, such as gs://acme-recovery/rows/',
    /^gs:\/\/[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]\/(\S{0,500}\/)?$/,
  ).describe('Where sets of rows are written for review. They hold what the rows hold.'),
  tenant: optional(
    map({
      columns: list(text('the name of a column', /^[^.\s]{1,63}$/), 'columns').describe(
        'What a column that says whose a row is may be called.',
      ),
      table: table().describe('The table of the tenants themselves, whose key is the tenant.'),
    }),
  ).describe('How rows lead to a tenant; without it, rows of one tenant can’t be told from the others’.'),
  leaveOut: list(table(), 'tables').prefault([]).describe('Tables of which no row is compared.'),
  include: list(table(), 'tables')
    .prefault([])
    .describe('Tables that are compared although their name says that they are an outbox or an audit log.'),
  hide: list(part('a column with its table, such as public.orders.note'), 'columns')
    .prefault([])
    .describe('Columns whose values are not shown in samples.'),
  triggers: list(part('a trigger with its table, such as public.orders.touch'), 'triggers')
    .prefault([])
    .describe('Triggers that may fire when rows are brought back. A set that would fire another one is refused.'),
}).describe('Rows, one by one.');
