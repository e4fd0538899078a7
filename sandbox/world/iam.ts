import type { Grant, Iam, Principal } from './kernel.ts';

interface Rule {
  readonly permission: string;
  readonly allows: boolean;
  /** An IAM condition on the resource's name; absent where there is none. */
  readonly on?: RegExp;
}

/** Whether a granted name covers a permission: it is the same, or ends in `*` and what precedes it is a prefix. */
export function covers(granted: string, permission: string): boolean {
  return granted.endsWith('*') ? permission.startsWith(granted.slice(0, -1)) : granted === permission;
}

/** What is left of some rules: a later revocation takes away what it covers. */
function grantsIn(rules: readonly Rule[]): readonly Grant[] {
  return rules.flatMap(({ permission, allows, on }, index) => {
    const isTaken = rules.slice(index + 1).some((later) => !later.allows && covers(later.permission, permission));
    return allows && !isTaken ? [{ permission, ...(on && { on }) }] : [];
  });
}

/** Permissions with default deny. A grant or revocation may end in `*`; of two that touch the same permission the later one counts. */
export function createIam(): Iam {
  const rules = new Map<Principal, Rule[]>();

  const add = (principal: Principal, permissions: readonly string[], allows: boolean, on?: RegExp): void => {
    // What the new rules cover entirely can never decide again.
    const kept = (rules.get(principal) ?? []).filter(
      (rule) => on !== undefined || !permissions.some((name) => covers(name, rule.permission)),
    );
    rules.set(principal, [...kept, ...permissions.map((permission) => ({ permission, allows, ...(on && { on }) }))]);
  };

  return {
    allows: (principal, permission, resource = '') =>
      rules
        .get(principal)
        ?.findLast((rule) => covers(rule.permission, permission) && (rule.on === undefined || rule.on.test(resource)))
        ?.allows ?? false,
    grant: (principal, permissions, on) => add(principal, permissions, true, on),
    revoke: (principal, permissions) => add(principal, permissions, false),
    granted: () => new Map([...rules].map(([principal, own]) => [principal, grantsIn(own)])),
  };
}
