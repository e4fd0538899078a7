import { randomUUID } from 'node:crypto';
import { setInterval } from 'node:timers';
import { connectTo, hasRedis, type RunningRedis, startRedis } from './redis-server.ts';

// The application's sessions, as they lie in Redis: people who are signed in, people who sign in, and what else the application keeps
// in the same database.

/** People who are signed in when the sandbox begins. */
const SIGNED_IN = 500;

/** What lies beside the sessions: whoever flushes the database takes it along. */
const OTHERS: Readonly<Record<string, string>> = {
  'queue:thumbnails': '17 jobs',
  'lock:billing-run': 'worker-3',
  'ratelimit:10.0.0.7': '42',
};

/** From one sign-in to the next, wall time. */
const SIGN_IN_EVERY_MS = 500;

/** Starts a Redis with sessions in it, where one is installed. What has to be stopped is added to `stops`. */
export async function openSessions(
  stops: (() => Promise<void>)[],
  onBug?: (bug: unknown) => void,
): Promise<RunningRedis | undefined> {
  if (!hasRedis()) return undefined;
  const redis = await startRedis();
  stops.push(() => redis.stop());
  const keeper = await keepSessions(redis, onBug);
  stops.push(() => keeper.stop());
  return redis;
}

/** Whoever writes sessions until it is stopped. */
async function keepSessions(redis: RunningRedis, onBug?: (bug: unknown) => void): Promise<{ stop(): Promise<void> }> {
  const client = await connectTo(redis);
  const signIn = (): Promise<unknown> => client.set(`session:${randomUUID()}`, 'a user', { EX: 86_400 });
  await Promise.all(Array.from({ length: SIGNED_IN }, signIn));
  await Promise.all(Object.entries(OTHERS).map(([key, value]) => client.set(key, value)));
  let last: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    last = signIn().catch((bug: unknown) => onBug?.(bug)); // whoever can't sign in tries again
  }, SIGN_IN_EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await last;
      client.destroy();
    },
  };
}
