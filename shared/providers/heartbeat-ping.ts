import { seconds } from '../core/time.ts';
import { isLoopback } from '../core/loopback.ts';
import type { SecretText } from '../core/redact.ts';
import type { Heartbeat } from '../ports/heartbeat.ts';
import { PortError } from '../ports/port-error.ts';
import { askJson } from './http-json.ts';

/** What a party outside may take; the tick waits for no more. */
const LIMIT = seconds(5);

/**
 * Asks an address by GET, as services that watch for silence want it (a "ping URL"). Whoever knows the address could speak for us, so it is
 * a secret, and no error shows it. Throws when it is no `https` address, or one of this machine.
 */
export function createHeartbeatPing(address: SecretText): Heartbeat {
  const text = address.reveal();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && !isLoopback(text)))
    throw new Error('DR_HEARTBEAT_URL_FILE holds no https address');
  return {
    beat: async () => {
      const doing = 'telling the party outside that all is well';
      const { status } = await askJson({ doing, effect: 'reads', limit: LIMIT }, { method: 'GET', url });
      if (status < 200 || status >= 300) throw new PortError('retryable', `http ${status}`, doing);
    },
  };
}
