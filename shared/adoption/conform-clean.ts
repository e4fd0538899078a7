import { after, between, type Instant, minutes, seconds } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import { isPortError, type PortError } from '../ports/port-error.ts';
import type { Databases } from '../ports/databases.ts';
import type { FoundThing, Throwaways } from '../ports/throwaways.ts';
import type { InstanceName } from '../system/names.ts';
import { isOurs } from './conform-plan.ts';

// Deleting what `./dr conform` made, until a list says that it is gone.
//
// Z1. What is deleted bears the label, has a name of ours, and stands nowhere in `dr.yaml`: all three, each time.
// Z2. What is there is asked, never remembered: a creation whose answer was lost is found as well.
// Z3. Replicas go before their primary, which can't be deleted while it has one.

/** How often it is looked whether everything is gone. */
const LOOK_EVERY = seconds(10);

/** An instance that is being created refuses to be deleted for as long as that takes. */
const CLEAN_MOST = minutes(60);

/** After so long an accepted deletion that is not to be seen is asked for again. */
const DELETION_MOST = minutes(15);

/** How long lists have to say that nothing is left: what was just accepted may be missing in one. */
const QUIET = seconds(20);

/** The same after a call that got no answer: what it asked for may come later (the default of `guards.lateArrival`, and a minute). */
const QUIET_AFTER_LOSS = minutes(6);

/** What deletes. */
export interface CleanPorts {
  readonly throwaways: Pick<Throwaways, 'found' | 'deleteInstance' | 'deleteService'>;
  readonly databases: Pick<Databases, 'inspect' | 'setActivation'>;
  readonly clock: Clock;
  readonly tell: (line: string) => void;
}

/** What is there of ours: of one run, or of any. */
export const ofRun = (
  found: readonly FoundThing[],
  named: ReadonlySet<string>,
  run: string | undefined,
): readonly FoundThing[] =>
  found.filter(
    (thing) => isOurs(thing.name, named) && thing.run !== undefined && (run === undefined || thing.run === run),
  );

/** What could not be deleted: things, or `unknown` when not even a list could be had. */
export type Left =
  | { readonly kind: 'known'; readonly things: readonly FoundThing[] }
  | { readonly kind: 'unknown'; readonly because: string };

/** What is to be deleted. */
export interface Cleaning {
  /** Names that `dr.yaml` says anything about. */
  readonly named: ReadonlySet<string>;
  /** What this run made; `undefined`: what any has made. */
  readonly run: string | undefined;
  readonly mayArriveLate: boolean;
}

/** What came of asking for a deletion. */
type Asked = { readonly kind: 'accepted' | 'refused' | 'again'; readonly at: Instant };

/** Deletes everything of a run, or of all of them, and says what is left. Rejects for bugs only. */
export async function clean(ports: CleanPorts, { named, run, mayArriveLate }: Cleaning): Promise<Left> {
  const { throwaways, clock, tell } = ports;
  const until = after(clock.now(), CLEAN_MOST);
  const asked = new Map<string, Asked>();
  const askedFor = ({ kind, name }: FoundThing): Asked | undefined => asked.get(`${kind}/${name}`);
  let left: Left = { kind: 'unknown', because: 'nobody could list anything' };
  let seen = clock.now();
  while (clock.now() <= until) {
    const found = await orError(throwaways.found());
    if (isPortError(found)) {
      left = { kind: 'unknown', because: found.code };
      if (found.kind === 'permanent') return left;
    } else {
      const things = ofRun(found, named, run);
      left = { kind: 'known', things };
      if (things.length > 0) seen = clock.now();
      else if (between(seen, clock.now()) >= (mayArriveLate ? QUIET_AFTER_LOSS : QUIET)) return left;
      // Nobody deletes what is left while whoever runs this may not.
      if (things.length > 0 && things.every((thing) => askedFor(thing)?.kind === 'refused')) return left;
      for (const thing of deletable(things).filter((one) => isDue(askedFor(one), clock.now()))) {
        tell(`deleting ${thing.name}`);
        const kind = await remove(ports, named, thing);
        asked.set(`${thing.kind}/${thing.name}`, { kind, at: clock.now() });
      }
    }
    await clock.sleep(LOOK_EVERY);
  }
  return left;
}

/** Whether something is asked for now: again where it was busy, or where what was accepted has come to nothing. */
const isDue = (asked: Asked | undefined, now: Instant): boolean =>
  asked === undefined ||
  asked.kind === 'again' ||
  (asked.kind === 'accepted' && between(asked.at, now) > DELETION_MOST);

async function orError<T>(work: Promise<T>): Promise<T | PortError> {
  try {
    return await work;
  } catch (error) {
    if (isPortError(error)) return error;
    throw error;
  }
}

/** Those that can go now (Z3). */
function deletable(things: readonly FoundThing[]): readonly FoundThing[] {
  const replicas = new Set(
    things.flatMap((thing) => (thing.kind === 'instance' && thing.isReplica ? [thing.run] : [])),
  );
  return things.filter(
    (thing) => thing.kind === 'service' || (!thing.isGoing && (thing.isReplica || !replicas.has(thing.run))),
  );
}

/** Asks for it once. One that is busy is asked `again`; one that is not deleted while its primary is stopped needs the primary first. */
async function remove(ports: CleanPorts, named: ReadonlySet<string>, thing: FoundThing): Promise<Asked['kind']> {
  const { throwaways } = ports;
  const asking =
    thing.kind === 'service'
      ? throwaways.deleteService(thing.region, thing.name)
      : throwaways.deleteInstance(thing.name);
  const answer = await orError(asking);
  if (!isPortError(answer)) return 'accepted';
  if (answer.kind !== 'permanent' || answer.code === 'notFound') return 'again';
  if (thing.kind === 'service' || answer.code !== 'invalid') return 'refused';
  const started = await orError(startPrimary(ports, named, thing.name));
  return isPortError(started) && started.code === 'forbidden' ? 'refused' : 'again';
}

/** Starts the primary of an instance, itself where it is one, when it is ours and stopped. */
async function startPrimary(
  { databases, tell }: CleanPorts,
  named: ReadonlySet<string>,
  name: InstanceName,
): Promise<void> {
  const { upstream } = await databases.inspect(name);
  const primary = await databases.inspect(upstream ?? name);
  if (primary.activation !== 'never' || !isOurs(primary.instance, named)) return;
  tell(`starting ${primary.instance}, without which ${name} can’t be deleted`);
  await databases.setActivation(primary.instance, 'always', primary.version);
}
