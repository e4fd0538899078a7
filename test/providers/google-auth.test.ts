import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGoogleIdentity } from '../../shared/providers/google-auth.ts';
import { startVendorServer } from './vendor-server.ts';
import type { Reply, Seen, VendorServer } from './vendor-server.ts';

let metadata: VendorServer;
const before = { ...process.env };
beforeAll(async () => {
  metadata = await startVendorServer();
  // No credentials of whoever runs this test may be found.
  const home = mkdtempSync(join(tmpdir(), 'dr-home-'));
  Object.assign(process.env, {
    GCE_METADATA_HOST: new URL(metadata.base).host,
    METADATA_SERVER_DETECTION: 'assume-present',
    HOME: home,
  });
  delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
});
afterAll(async () => {
  process.env = before;
  await metadata.close();
});

const flavour = { 'metadata-flavor': 'Google' };

/** A metadata server that issues a numbered token at each request. */
function issuing(lifetime: number): (request: Seen) => Reply {
  let issued = 0;
  return ({ url }) => {
    if (!url.includes('/token')) return { status: 200, text: 'ok', headers: flavour };
    issued += 1;
    return {
      status: 200,
      body: { access_token: `token-${issued}`, expires_in: lifetime, token_type: 'Bearer' },
      headers: flavour,
    };
  };
}

it('asks the metadata server once for a token that lasts, with the scopes that clusters need', async () => {
  metadata.answer(issuing(3_600));
  const identity = createGoogleIdentity('p');
  expect(await identity.token()).toBe('token-1');
  expect(await identity.token()).toBe('token-1');
  const asked = metadata.seen.filter(({ url }) => url.includes('/token'));
  expect(asked).toHaveLength(1);
  expect(decodeURIComponent(asked[0]?.url ?? '')).toContain(
    'auth/cloud-platform,https://www.googleapis.com/auth/userinfo.email',
  );
});

it('fetches another token after the last one was refused', async () => {
  metadata.answer(issuing(3_600));
  const identity = createGoogleIdentity('p');
  await identity.token();
  identity.forget();
  expect(await identity.token()).toBe('token-2');
});

it.each([404, 403])(
  'calls credentials that are missing (%i) something to try again, and gets over it',
  async (status) => {
    const identity = createGoogleIdentity('p');
    metadata.answer({ status, text: 'no', headers: flavour });
    await expect(identity.token()).rejects.toMatchObject({ kind: 'retryable', code: 'credentials' });
    metadata.answer(issuing(3_600));
    expect(await identity.token()).toBe('token-1');
  },
);
