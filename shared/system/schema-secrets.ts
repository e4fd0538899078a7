import { z } from 'zod';
import { duration, id, identity, instance, line, list, map, person, text } from './schema-parts.ts';

// Secrets that a breach makes worthless: the `rotation` of dr.yaml.

const secretKeys = {
  name: text('the name of a secret in Secret Manager', /^[\w-]{1,255}$/).describe(
    'The Secret Manager secret. A name, never its value.',
  ),
  readBy: list(id('the id of an application'), 'ids of applications').describe(
    'Applications that read it when they start, and are restarted for a new version.',
  ),
  grace: duration()
    .prefault('0s')
    .describe('How long the old version stays enabled once its readers have been restarted.'),
  identities: list(identity(), 'Google identities')
    .prefault([])
    .describe(
      'Service accounts and people that may read it: `dr-secret-read` alerts when anybody else does. Empty: nobody is told who reads it.',
    ),
};

/** One of them. */
export const secrets = z.discriminatedUnion(
  'kind',
  [
    map({
      kind: z.literal('databasePassword').describe('A database URL, whose password is changed in the database too.'),
      ...secretKeys,
      instance: instance().describe('The database whose user it is, by its name under `databases`.'),
      user: text('the name of a user of the database', /^[\w.@-]{1,63}$/).describe(
        'The user in the URL. Secrets with the same instance and user get the same new password.',
      ),
    }),
    map({
      kind: z.literal('generated').describe('Random bytes that the product makes.'),
      ...secretKeys,
      bytes: z
        .number({ error: 'a whole number from 32 to 64' })
        .int({ error: 'a whole number from 32 to 64' })
        .min(32, { error: 'a whole number from 32 to 64' })
        .max(64, { error: 'a whole number from 32 to 64' })
        .prefault(48)
        .describe('Random bytes, stored as base64: 32 to 64.'),
    }),
    map({
      kind: z.literal('issued').describe('Issued by somebody else: a person gets it there.'),
      ...secretKeys,
      issuer: line('who issues it').describe('Who issues it, for people.'),
      person: person().describe('Who is asked for a new one, and says when it is there.'),
      instructions: line('what the person has to do').describe('What the person has to do, for people.'),
    }),
  ],
  { error: 'a secret of kind databasePassword, generated or issued' },
);
