import { readFileSync } from 'node:fs';
import type { WorldHome } from '../../shared/flows/flow-home.ts';
import type { SignalEvent } from '../../shared/flows/on-signal.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type { World } from '../../shared/ports/ports.ts';
import { flowStage } from './stage.ts';

/** A home whose world counts what it is asked, and answers nothing. */
export function silentStage() {
  const { home, clock } = flowStage();
  let asked = 0;
  const silent = async (): Promise<never> => {
    asked += 1;
    throw new PortError('retryable', 'silent', 'asking the world');
  };
  const part = new Proxy({}, { get: () => silent });
  const world = new Proxy({}, { get: () => part }) as World; // every port's every method
  return { home: { ...home, world } satisfies WorldHome, clock, asked: () => asked };
}

/** A delivery of that text. */
export const push = (data: string | Buffer, messageId = 'm1'): SignalEvent => ({
  source: '//pubsub.googleapis.com/projects/p/topics/dr-alerts',
  data: { message: { messageId, data: Buffer.from(data).toString('base64') } },
});

const alert = JSON.parse(readFileSync('test/fixtures/alerts/08-test-notification.json', 'utf8')) as {
  readonly incident: Record<string, unknown>;
};
/** An alert as Monitoring sends it, changed. */
export const alertWith = (changes: Record<string, unknown>, more: Record<string, unknown> = {}): string =>
  JSON.stringify({ ...alert, ...more, incident: { ...alert.incident, ...changes } });
