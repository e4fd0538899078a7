import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretText } from '../../shared/core/redact.ts';
import { createHeartbeatPing } from '../../shared/providers/heartbeat-ping.ts';
import { startVendorServer, type VendorServer } from './vendor-server.ts';

let server: VendorServer;
beforeAll(async () => {
  server = await startVendorServer();
});
afterAll(() => server.close());

describe('a heartbeat', () => {
  it('asks the address and no other', async () => {
    server.answer({ status: 200, text: 'OK' });
    await createHeartbeatPing(new SecretText(`${server.base}/ping/5f0e`)).beat();

    expect(server.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /ping/5f0e']);
  });

  it.each([404, 500, 302])(
    'counts for nothing when the answer is %s, and shows the address to nobody',
    async (status) => {
      server.answer({ status });
      const beat = createHeartbeatPing(new SecretText(`${server.base}/ping/5f0e`)).beat();

      await expect(beat).rejects.toMatchObject({ kind: 'retryable', code: `http ${status}` });
      await expect(beat).rejects.not.toMatchObject({ message: expect.stringContaining('5f0e') });
    },
  );

  it.each(['http://example.com/ping', 'nothing', ''])('is not sent to %s', (address) => {
    expect(() => createHeartbeatPing(new SecretText(address))).toThrow('no https address');
  });
});
