// New passwords for users of databases while a breach is answered: in the secret first, then in the database (rotate-password.ts).
//
//   can it be changed at all ─▶ store it in every secret of the user ─▶ set it ─▶ (where that failed: the former values again)
//
// Invariants
//   P1. Nothing is stored before the primary has answered, and nothing is set that is not stored: what starts anew finds it.
//   P2. Secrets of one user change together or not at all. One that can't be read keeps all of them as they are, and is named.
//   P3. Begun only once nothing is left that could end the run in between, and kept short: between storing and setting, whoever starts anew
//       is let in by nothing. Copies are restarted when it is settled, so that none reads a password that is put back.
//   P4. It holds no stolen key alive: whatever fails here is left to do by hand, and the rest goes on.

import { millis, minutes, seconds } from '../core/time.ts';
import { type InstanceName, type TargetId, targetId } from '../system/names.ts';
import type { DatabasePasswordSecret, Guards } from '../system/system.ts';
import type { StepDraft } from './steps.ts';

/** A secret with a URL, and the version of it that people approve replacing. */
export type ReplacedUrl = DatabasePasswordSecret & { readonly before: string };

/** Steps, and what the others come after. */
export interface PasswordSteps {
  readonly drafts: readonly StepDraft[];
  /** What settles the password of a secret: its readers are restarted after these. */
  readonly settled: (secret: string) => readonly string[];
  /** The step without which a secret's former versions stay enabled. */
  readonly set: (secret: string) => string;
}

/** A user of a database, with every secret that holds a URL of it. */
interface Owner {
  readonly user: string;
  readonly primary: InstanceName;
  readonly first: ReplacedUrl;
  readonly others: readonly ReplacedUrl[];
}

/**
 * The steps for all secrets. `primaries`: which instance each database's primary is now; `first`: what comes before anything is stored;
 * `cutOff`: applications that are not restarted.
 */
export function passwordSteps(
  secrets: readonly ReplacedUrl[],
  primaries: ReadonlyMap<InstanceName, InstanceName>,
  first: Pick<StepDraft, 'needs' | 'after'> & { readonly cutOff: ReadonlySet<string> },
  { lateArrival }: Pick<Guards, 'lateArrival'>,
): PasswordSteps {
  const owners = [...Map.groupBy(secrets, ({ instance, user }) => `${instance} ${user}`).values()].flatMap(
    ([leading, ...others]): readonly Owner[] => {
      const primary = leading === undefined ? undefined : primaries.get(leading.instance);
      return leading === undefined || primary === undefined
        ? []
        : [{ user: leading.user, primary, first: leading, others }];
    },
  );
  const ownerOf = (secret: string): Owner | undefined =>
    owners.find(({ first, others }) => [first, ...others].some(({ name }) => name === secret));
  return {
    drafts: owners.flatMap((owner) => stepsOf(owner, first, lateArrival)),
    settled: (secret) => {
      const owner = ownerOf(secret);
      if (owner === undefined) return [];
      return [setOf(owner), ...[owner.first, ...owner.others].map(({ name }) => `put-back-${name}`)];
    },
    set: (secret) => {
      const owner = ownerOf(secret);
      return owner === undefined ? '' : setOf(owner);
    },
  };
}

const setOf = ({ first }: Owner): string => `set-${first.name}`;

function stepsOf(
  owner: Owner,
  { needs, after, cutOff }: Parameters<typeof passwordSteps>[2],
  lateArrival: number,
): readonly StepDraft[] {
  const { user, primary, first, others } = owner;
  // Whoever goes on for a worker that died adds no version before what that one sent could have arrived.
  const limit = millis(lateArrival + minutes(5));
  const target: TargetId = targetId(`database/${first.instance}`);
  const login = { secret: first.name, before: first.before, user, instance: primary };
  const readers = [...new Set([first, ...others].flatMap(({ readBy }) => readBy))].filter((id) => !cutOff.has(id));
  const common = { target, stage: 'execute', optional: true } as const;
  const confirm: StepDraft = {
    ...common,
    id: `confirm-${first.name}`,
    action: 'confirm-database-user',
    input: { ...login, readers },
    title: `Look whether ${primary} answers, and whether the password of ${user} is still the one that ${first.name} names`,
    needs: [],
    stage: 'prepare',
    estimate: seconds(2),
  };
  const store: StepDraft = {
    ...common,
    id: `store-${first.name}`,
    action: 'store-password',
    input: { secret: first.name, before: first.before, user },
    title: `Put a new password for ${user} into ${first.name}, instead of version ${first.before}`,
    needs: [confirm.id, ...needs],
    ...(after === undefined ? {} : { after }),
    estimate: seconds(3),
    limit,
  };
  const copies = others.map(
    ({ name, before }): StepDraft => ({
      ...common,
      id: `store-${name}`,
      action: 'store-password',
      input: { secret: name, before, user, like: { secret: first.name, step: store.id } },
      title: `Put the same password into ${name}, instead of version ${before}`,
      needs: [store.id],
      estimate: seconds(3),
      limit,
    }),
  );
  const stores = [store, ...copies].map(({ id }) => id);
  const set: StepDraft = {
    ...common,
    id: setOf(owner),
    action: 'set-database-password',
    input: { ...login, stored: store.id },
    title: `Make it the password of ${user} on ${primary}: nobody logs in by the former one any more, and sessions that are open go on`,
    needs: stores,
    estimate: seconds(10),
  };
  const back = [first, ...others].map(
    ({ name, before }): StepDraft => ({
      ...common,
      id: `put-back-${name}`,
      action: 'put-back-password',
      input: { ...login, secret: name, before, stored: `store-${name}`, set: set.id },
      title: `Only if that fails: give ${name} its former value again, so that copies which start anew are let in`,
      needs: [`store-${name}`],
      after: [set.id, ...stores.filter((id) => id !== `store-${name}`)],
      estimate: seconds(1),
      limit: millis(lateArrival + limit),
    }),
  );
  const follow: StepDraft = {
    ...common,
    id: `follow-${first.name}`,
    action: 'see-password-follow',
    input: { ...login, stored: store.id },
    title: `See the replicas of ${primary} let the new password in: one that is promoted before knows the former alone`,
    needs: [set.id],
    stage: 'after',
    estimate: seconds(5),
    limit: minutes(10),
  };
  return [confirm, store, ...copies, set, ...back, follow];
}
