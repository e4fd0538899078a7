import type { ActionContext } from '../../shared/engine/action.ts';
import type { World } from '../../shared/ports/ports.ts';

/** What a test gives an action of the world: ports and calls by their names, with as much of each answer as the action reads. */
type Told = {
  readonly [Port in keyof World]?: {
    readonly [Call in keyof World[Port]]?: (...asked: readonly never[]) => Promise<unknown>;
  };
};

/** The parts of a context that a test gives; of the larger ones as much as the action reads. */
interface Parts extends Partial<Omit<ActionContext, 'documents' | 'run' | 'state' | 'world'>> {
  readonly documents?: Partial<Record<keyof ActionContext['documents'], unknown>>;
  readonly run?: Partial<Record<keyof ActionContext['run'], unknown>>;
  readonly state?: Partial<Record<keyof ActionContext['state'], unknown>>;
  readonly world?: Told;
}

/** A context of these parts. An action that asks for anything else is told what the test lacks, and fails. */
export function contextOf(parts: Parts): ActionContext {
  const given = { intentAt: undefined, opens: [], ...parts, world: guarded('world', parts.world ?? {}) };
  return named('context', given) as unknown as ActionContext; // whatever is not there throws when it is asked for
}

const guarded = (name: string, ports: Told): object =>
  named(
    name,
    Object.fromEntries(Object.entries(ports).map(([port, calls]) => [port, named(`${name}.${port}`, calls)])),
  );

const named = (name: string, parts: object): object =>
  new Proxy(parts, {
    get: (own, key) => {
      if (typeof key === 'symbol' || key === 'then' || key in own) return Reflect.get(own, key) as unknown;
      throw new Error(`the test gives the action no ${name}.${key}`);
    },
  });
