import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { findFirestoreEmulator, startFirestoreEmulator } from '../../sandbox/host/google-emulators.ts';

// Real processes: Google's emulator is a Java program that knows nothing of whoever started it.

const emulator = findFirestoreEmulator();
if (emulator.kind === 'missing')
  process.stderr.write(`\nSKIPPED: ${emulator.because}, so nothing is known of how emulators start and end.\n\n`);
const suite = emulator.kind === 'found' ? describe : describe.skip;
const classPath = emulator.kind === 'found' ? emulator.classPath : '';

/** Two starts of Java on a busy machine. */
const TIMEOUT_MS = 60_000;

async function serves(host: string): Promise<boolean> {
  const socket = createConnection(Number(host.split(':')[1]), '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // refused: nobody listens there
  } finally {
    socket.destroy();
  }
}

suite('Google’s Firestore emulator', () => {
  it(
    'serves on a port of its own until it is stopped',
    async () => {
      const running = await startFirestoreEmulator(classPath);
      expect(await serves(running.host)).toBe(true);
      await running.stop();
      expect(await serves(running.host)).toBe(false);
    },
    TIMEOUT_MS,
  );

  it(
    'ends with a parent that is killed',
    async () => {
      const script = fileURLToPath(new URL('./emulator-parent.ts', import.meta.url));
      const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = await once(createInterface(parent.stdout), 'line');
      const { host } = JSON.parse(String(line));
      expect(await serves(host)).toBe(true);

      parent.kill('SIGKILL');

      // It ends by another process's hand, which we have no way to wait for but to look.
      for (let look = 0; look < 100 && (await serves(host)); look += 1) await sleep(50);
      expect(await serves(host)).toBe(false);
    },
    TIMEOUT_MS,
  );

  it(
    'says in its own words why it does not start',
    async () => {
      await expect(startFirestoreEmulator('/nowhere.jar')).rejects.toThrow('ClassNotFoundException');
    },
    TIMEOUT_MS,
  );
});
