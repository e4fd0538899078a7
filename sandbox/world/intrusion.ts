import type { Caller } from './caller.ts';
import type { Intruder } from './intruder.ts';
import type { ApiDoor, Iam, Principal } from './kernel.ts';
import { OPERATOR, REFERENCE } from './reference-system.ts';
import type { SecretsApi } from './secrets-api.ts';
import type { SqlAdmin } from './sql-admin.ts';

// Somebody who does through Google's APIs what only a few should: such a deed leaves its entry in an audit log, and nothing else tells of it.

/** Whose account it is: somebody who once worked here and may still more than anybody knows. */
export const STRANGER: Principal = 'former-contractor@example.com';

/** What the deeds are done with. */
export interface IntrusionParts {
  readonly iam: Iam;
  readonly door: ApiDoor;
  readonly secretsApi: SecretsApi;
  readonly sqlAdmin: Pick<SqlAdmin, 'updateUser'>;
  readonly intruder: Pick<Intruder, 'breakIn' | 'leave'>;
  readonly primaryInUse: () => string;
}

/** The deeds. */
type Deed = 'secret' | 'password' | 'role';

const MAY = ['secretmanager.versions.access', 'cloudsql.users.update'] as const;

/** Does it. Answers what it was done to, and how it ends: what was read stays read, and what was changed stays so. */
export function intrude(deed: Deed, parts: IntrusionParts): { readonly resolved: string; readonly mend: () => void } {
  const { iam, door, secretsApi, sqlAdmin, intruder, primaryInUse } = parts;
  const stranger: Caller = { principal: STRANGER, from: 'internet' };
  const forget = (): void => iam.revoke(STRANGER, MAY);
  switch (deed) {
    case 'secret': {
      iam.grant(STRANGER, MAY);
      secretsApi.access(stranger, REFERENCE.signingSecret, 'latest');
      intruder.breakIn();
      return {
        resolved: REFERENCE.signingSecret,
        mend: () => {
          forget();
          intruder.leave();
        },
      };
    }
    case 'password': {
      iam.grant(STRANGER, MAY);
      const instance = primaryInUse();
      sqlAdmin.updateUser(stranger, instance, REFERENCE.databaseUser, 'of-the-intruder');
      return { resolved: `${REFERENCE.databaseUser} of ${instance}`, mend: forget };
    }
    case 'role': {
      // From the session of somebody who may: the stranger has no right to it.
      const call = {
        api: 'cloudresourcemanager',
        permission: 'resourcemanager.projects.setIamPolicy',
        resource: 'project',
        writes: true,
        principal: OPERATOR,
        from: 'internet',
      } as const;
      door.call(call, () => iam.grant(STRANGER, MAY));
      return { resolved: STRANGER, mend: forget };
    }
  }
}
