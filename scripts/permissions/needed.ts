import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HEAL_CATALOGUE, RECOVER_CATALOGUE } from '../../shared/actions/catalogue.ts';
import { type Permission, PERMISSIONS } from '../../shared/providers/permissions.ts';
import { RUNBOOKS, type RunbookName } from '../../shared/system/names.ts';
import { type Declaration, type DeclarationId, readDeclarations, reachedFrom } from './declarations.ts';

// What each function needs of the protected system: the calls of ports that its code can reach, and what they need. A runbook adds
// to `heal` and `recover` what the actions of its plans need, so that a function which may only observe has nothing of it.

const TOP = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Adapters are behind the ports; catalogues are followed by action, and not because a runbook asks for an action's risk. */
const isCut = (id: DeclarationId): boolean =>
  /^shared\/(providers|store|wiring|ports)\//.test(id) && !/^shared\/ports\/.*#(read|find)/.test(id)
    ? true
    : id.startsWith('shared/actions/catalogue.ts#');

/** What is needed, by who needs it. */
export interface Needed {
  /** Looking alone: what every one of `classify`, `tick`, `heal` and `recover` needs whatever the mode. */
  readonly look: Readonly<Record<'classify' | 'heal' | 'recover' | 'tick', readonly Permission[]>>;
  /** What the steps of a runbook's plans need besides, by who performs them. */
  readonly runbooks: ReadonlyMap<RunbookName, Readonly<Record<'heal' | 'recover', readonly Permission[]>>>;
}

/** Reads the code and says what it needs. */
export function permissionsNeeded(): Needed {
  const ports = Object.fromEntries(Object.entries(PERMISSIONS).map(([port, methods]) => [port, Object.keys(methods)]));
  const declarations = readDeclarations(TOP, ['shared', 'functions'], ports);
  const look = (name: string) => permissionsOf(callsOf([`functions/${name}.ts#onMessage`], declarations));
  const looks = { classify: look('classify'), heal: look('heal'), recover: look('recover'), tick: look('tick') };
  const actions = actionsByKind(declarations);
  const runbooks = new Map(
    RUNBOOKS.map((runbook) => {
      const kinds = actionsOf(runbook, declarations);
      const needs = (catalogue: Readonly<Record<string, unknown>>, own: readonly Permission[]) =>
        permissionsOf(
          callsOf(
            kinds.filter((kind) => kind in catalogue).map((kind) => actions.get(kind) ?? ''),
            declarations,
          ),
        ).filter((permission) => !own.includes(permission));
      return [
        runbook,
        { heal: needs(HEAL_CATALOGUE, looks.heal), recover: needs(RECOVER_CATALOGUE, looks.recover) },
      ] as const;
    }),
  );
  return { look: looks, runbooks };
}

function callsOf(
  roots: readonly DeclarationId[],
  declarations: ReadonlyMap<DeclarationId, Declaration>,
): ReadonlySet<string> {
  const reached = reachedFrom(roots, declarations, isCut);
  return new Set([...reached].flatMap((id) => [...(declarations.get(id)?.calls ?? [])]));
}

function permissionsOf(calls: ReadonlySet<string>): readonly Permission[] {
  const all = Object.entries(PERMISSIONS).flatMap(([port, methods]) =>
    Object.entries(methods as Readonly<Record<string, readonly Permission[]>>).flatMap(([method, needed]) =>
      calls.has(`${port}.${method}`) ? needed : [],
    ),
  );
  return [...new Set(all)].toSorted();
}

/** The declaration of each action, by its kind. Throws where the code does not say which is which. */
function actionsByKind(declarations: ReadonlyMap<DeclarationId, Declaration>): ReadonlyMap<string, DeclarationId> {
  const found = new Map<string, DeclarationId>();
  for (const name of ['HEAL_CATALOGUE', 'RECOVER_CATALOGUE'])
    for (const id of declarations.get(`shared/actions/catalogue.ts#${name}`)?.refersTo ?? []) {
      // The first that stands in it; others are of the actions that it looks back at.
      const kind = [...(declarations.get(id)?.texts ?? [])].find((text) => text in RECOVER_CATALOGUE);
      if (kind !== undefined) found.set(kind, id);
    }
  const lost = Object.keys(RECOVER_CATALOGUE).filter((kind) => !found.has(kind));
  const doubled = new Set(found.values()).size !== found.size;
  if (lost.length > 0 || doubled) throw new Error(`no declaration of its own is found for ${lost.join(', ')}`);
  return found;
}

/** Kinds of the actions that a runbook's plans may hold, also to take a step back. */
export function actionsOf(
  runbook: RunbookName,
  declarations: ReadonlyMap<DeclarationId, Declaration>,
): readonly string[] {
  const file = `shared/runbooks/${runbook}.ts#`;
  const roots = [...declarations.keys()].filter((id) => id.startsWith(file));
  const reached = reachedFrom(roots, declarations, (id) => isCut(id) || !id.startsWith('shared/runbooks/'));
  const texts = new Set([...reached].flatMap((id) => [...(declarations.get(id)?.texts ?? [])]));
  return Object.keys(RECOVER_CATALOGUE).filter((kind) => texts.has(kind));
}
