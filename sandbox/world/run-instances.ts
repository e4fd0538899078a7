import { after, type Instant, type Millis, millis, seconds } from '../../shared/core/time.ts';
import type { ApplicationInstance, ApplicationLauncher, Chance, Place, WorldClock } from './kernel.ts';

// The running copies of one revision. Instances come and go by themselves; the service only says how many are wanted.
//
// I1. An instance reads its secret when it starts and keeps what it read; nothing but a new instance reads anew.
// I2. When the secret can't be read, no instance starts (docs "Configure secrets": retrieved prior to starting the instance).
// I3. A crashed instance is replaced after a pause; a hung one isn't, since no liveness probe is configured.

/** From the wish for an instance until its process is launched, milliseconds: a sandbox is made and the image unpacked. */
const LAUNCH_AFTER: readonly [number, number] = [500, 3_000];
/** From the signal to end until the process is gone, milliseconds; Cloud Run kills after 10 s (container contract). */
const GONE_AFTER: readonly [number, number] = [200, 10_000];
/** How often crashed instances are looked for and logs are collected, and how soon a failed start is tried again. */
const LOOK_EVERY = seconds(5);

/** One running copy. */
export interface RunInstance {
  readonly id: string;
  readonly startedAt: Instant;
  readonly application: ApplicationInstance;
}

/** The instances of one revision. */
export interface RunInstances {
  /** Started and not yet told to end, oldest first; among them those that aren't ready. */
  current(): readonly RunInstance[];
  /** Starts and ends instances until there are as many. Takes time. */
  want(count: number): void;
}

/** How a revision's instances are made. */
export interface RunInstancesOptions {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly launcher: ApplicationLauncher;
  /** Where its processes connect from. */
  readonly place: Place;
  readonly revision: string;
  /** `undefined`: the template references none. */
  readonly secret: string | undefined;
  readonly readSecret: (secret: string) => string | undefined;
  /** Whether the region has machines left. */
  readonly capacity: () => boolean;
  /** Hears every line that an instance writes, some seconds later. */
  readonly log: (line: LogLine) => void;
}

/** A line that an instance has written. */
export interface LogLine {
  readonly instance: string;
  readonly at: Instant;
  readonly text: string;
}

/** A container that is not the reference application, and greets whoever asks: it needs nothing and serves at once. */
function createPlainInstance({ place }: Pick<RunInstancesOptions, 'place'>): ApplicationInstance {
  let stopped = false;
  return {
    place,
    state: () => (stopped ? 'crashed' : 'serving'),
    ready: () => !stopped,
    log: () => [],
    stop() {
      stopped = true;
    },
  };
}

/** No instances yet. */
export function createRunInstances(options: RunInstancesOptions): RunInstances {
  const { clock, chance, launcher, revision, secret } = options;
  const running: RunInstance[] = [];
  let wanted = 0;
  let launching = 0;
  let started = 0;
  let looking = false;

  const drawn = ([low, high]: readonly [number, number]): Millis => millis(chance.between(low, high));
  const later = (length: Millis, what: () => void): void => void clock.schedule(after(clock.now(), length), what);

  const heard = new WeakSet<object>();
  const hear = ({ id, application }: RunInstance): void => {
    const lines = application.log();
    // New lines stand at the end, however many old ones were dropped before them.
    const news = lines.slice(lines.findLastIndex((line) => heard.has(line)) + 1);
    for (const line of news) {
      heard.add(line);
      options.log({ instance: id, ...line });
    }
  };

  const launch = (): void => {
    launching -= 1;
    const readable = secret === undefined || options.readSecret(secret) !== undefined;
    if (!readable || !options.capacity() || running.length >= wanted) return;
    started += 1;
    const id = `${revision}-${started}`;
    running.push({
      id,
      startedAt: clock.now(),
      application:
        secret === undefined ? createPlainInstance(options) : launcher.launch({ id, place: options.place, secret }),
    });
  };

  const end = (instance: RunInstance): void => {
    running.splice(running.indexOf(instance), 1);
    later(drawn(GONE_AFTER), () => {
      instance.application.stop();
      hear(instance);
    });
  };

  const settle = (): void => {
    for (const instance of running.slice(wanted)) end(instance);
    for (let missing = wanted - running.length - launching; missing > 0; missing -= 1) {
      launching += 1;
      later(drawn(LAUNCH_AFTER), launch);
    }
    look();
  };

  const look = (): void => {
    if (looking || wanted === 0) return;
    looking = true;
    later(LOOK_EVERY, () => {
      looking = false;
      running.forEach(hear);
      for (const crashed of running.filter(({ application }) => application.state() === 'crashed')) {
        running.splice(running.indexOf(crashed), 1);
      }
      settle();
    });
  };

  return {
    current: () => [...running],
    want(count) {
      if (count === wanted) return;
      wanted = count;
      settle();
    },
  };
}
