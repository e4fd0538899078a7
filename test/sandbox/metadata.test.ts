import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pubsub from '@google-cloud/pubsub';
import { GoogleAuth } from 'google-auth-library';
import { type MetadataServer, startMetadataServer } from '../../sandbox/http/metadata.ts';
import { invokerCheck, type OidcIssuer, startOidcIssuer } from '../../sandbox/http/oidc.ts';
import { json } from '../../sandbox/http/router.ts';
import { startServer } from '../../sandbox/http/server.ts';
import { principalOf } from '../../sandbox/http/tokens.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { REFERENCE_PROJECT } from '../../sandbox/world/project.ts';
import { instant, minutes } from '../../shared/core/time.ts';

const RATE = 20;
const heal = 'dr-heal@coditect-prod.iam.gserviceaccount.com';
const tokenKey = 'the key of a test';
const clock = createVirtualClock(instant(Date.UTC(2026, 0, 5, 10)));

let issuer: OidcIssuer;
let server: MetadataServer;
const inherited = { ...process.env };

beforeEach(async () => {
  issuer = await startOidcIssuer(clock);
  server = await startMetadataServer({
    project: REFERENCE_PROJECT,
    region: 'us-east4',
    principal: heal,
    tokenKey,
    clock,
    rate: RATE,
    idToken: issuer.idToken,
  });
  // As a function's process finds it: no key file, no home with somebody's own login.
  for (const name of ['HOME', 'GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_CLOUD_PROJECT', 'GCLOUD_PROJECT']) {
    delete process.env[name];
  }
  Object.assign(process.env, server.env);
});
afterEach(async () => {
  for (const name of Object.keys(server.env)) delete process.env[name];
  Object.assign(process.env, inherited);
  await Promise.all([server.close(), issuer.close()]);
});

async function read(path: string, headers: Record<string, string> = { 'metadata-flavor': 'Google' }) {
  const reply = await fetch(`http://${server.env.GCE_METADATA_HOST}${path}`, { headers });
  return { status: reply.status, flavor: reply.headers.get('metadata-flavor'), text: await reply.text() };
}

describe('Application Default Credentials', () => {
  it('are the function’s own identity, without any setting but the environment', async () => {
    const auth = new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/cloud-platform'] });

    const token = await auth.getAccessToken();

    expect(principalOf(tokenKey, token ?? '', clock.now())).toBe(heal);
    expect(await auth.getProjectId()).toBe('coditect-prod');
    expect((await auth.getCredentials()).client_email).toBe(heal);
    expect(await auth.getUniverseDomain()).toBe('googleapis.com');
  });

  it('are what a real client sends', async () => {
    const callers: unknown[] = [];
    const api = await startServer({
      routes: [
        {
          method: 'POST',
          pattern: /.*:publish/,
          handle: ({ principal }) => {
            callers.push(principal);
            return json({ messageIds: ['1'] });
          },
        },
      ],
      principals: (token) => principalOf(tokenKey, token, clock.now()),
    });
    const options = { fallback: true, apiEndpoint: '127.0.0.1', port: api.port, protocol: 'http' };

    await new pubsub.v1.PublisherClient(options).publish({
      topic: 'projects/coditect-prod/topics/dr-heal',
      messages: [{ data: Buffer.from('x') }],
    });
    await api.close();

    expect(callers).toEqual([heal]);
  });

  it('give id tokens for an audience', async () => {
    const audience = 'https://dr-status.example.com';
    const client = await new GoogleAuth().getIdTokenClient(audience);

    const authorization = (await client.getRequestHeaders()).get('authorization') ?? undefined;

    const check = invokerCheck({ issuer: issuer.issuer, audience, invokers: [heal], now: () => clock.now() });
    expect(await check(authorization)).toEqual({ kind: 'admitted', email: heal });
  });
});

describe('the metadata server', () => {
  const token = '/computeMetadata/v1/instance/service-accounts/default/token';

  it('gives tokens that last an hour of the client’s own clock, however fast the world’s runs', async () => {
    const { access_token: text, expires_in: lasts } = JSON.parse((await read(token)).text);

    expect(lasts).toBe(3_600);
    expect(principalOf(tokenKey, text, instant(clock.now() + minutes(60) * RATE - 1))).toBe(heal);
    expect(principalOf(tokenKey, text, instant(clock.now() + minutes(60) * RATE))).toBeUndefined();
  });

  it('refuses whoever does not say Metadata-Flavor, and whoever was forwarded', async () => {
    expect(await read(token, {})).toMatchObject({ status: 403, flavor: 'Google' });
    expect(await read(token, { 'metadata-flavor': 'Google', 'x-forwarded-for': '10.0.0.1' })).toMatchObject({
      status: 403,
    });
  });

  it.each([
    ['/', 'computeMetadata/\n'],
    ['/computeMetadata/v1/project/project-id', 'coditect-prod'],
    ['/computeMetadata/v1/instance/region', `projects/${REFERENCE_PROJECT.number}/regions/us-east4`],
    ['/computeMetadata/v1/instance/service-accounts/default/email', heal],
    [`/computeMetadata/v1/instance/service-accounts/${heal}/email`, heal],
    [
      '/computeMetadata/v1/instance/service-accounts/default/scopes',
      'https://www.googleapis.com/auth/cloud-platform\n',
    ],
  ])('answers %s', async (path, text) => {
    expect(await read(path)).toEqual({ status: 200, flavor: 'Google', text });
  });

  it.each([
    '/computeMetadata/v1/instance/service-accounts/dr-recover@coditect-prod.iam.gserviceaccount.com/token',
    '/computeMetadata/v1/instance/attributes/ssh-keys',
    '/computeMetadata/v1/constructor',
    '/computeMetadata/v2/project/project-id',
  ])('has no %s', async (path) => {
    expect(await read(path)).toMatchObject({ status: 404, flavor: 'Google' });
  });

  it('gives no id token for nobody', async () => {
    const identity = '/computeMetadata/v1/instance/service-accounts/default/identity';
    expect(await read(identity)).toMatchObject({ status: 400 });
  });
});
