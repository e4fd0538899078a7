import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { functionPrincipal, OPERATOR } from '../../sandbox/world/reference-system.ts';
import { instant } from '../../shared/core/time.ts';
import { type ClusterServer, startCluster } from './kubernetes-server.ts';

// authorization.k8s.io by plain HTTP: what kubectl doesn't show of it.

const REVIEWS = '/apis/authorization.k8s.io/v1';
const HERE = `${REVIEWS}/namespaces/coditect-dms/localsubjectaccessreviews`;
const HEAL = functionPrincipal('heal');

let server: ClusterServer;
beforeEach(async () => {
  server = await startCluster(createVirtualClock(instant(Date.parse('2026-01-05T10:00:00Z'))));
});
afterEach(() => server.close());

interface Body {
  readonly kind: string;
  readonly message: string;
  readonly status: unknown;
}

async function send(
  path: string,
  body: unknown,
  { token = server.tokens.operator, headers = {} }: { token?: string; headers?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly status: number; readonly body: Body }> {
  const answer = await fetch(`${server.base}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Body };
}

const about = (verb: string, resource: string, more: object = {}) => ({
  resourceAttributes: { verb, resource, namespace: 'coditect-dms', ...more },
});

const heals = () => ({ token: server.tokens.heal });

describe('a review of what somebody may do', () => {
  it('is answered from the roles that the API server enforces, in the namespace and in the cluster', async () => {
    for (const path of [HERE, `${REVIEWS}/subjectaccessreviews`]) {
      const ask = async (spec: object) => (await send(path, { spec: { user: HEAL, ...spec } })).body.status;
      expect(await ask(about('list', 'pods'))).toEqual({ allowed: true });
      expect(await ask(about('patch', 'deployments', { group: 'apps', subresource: 'scale' }))).toEqual({
        allowed: true,
      });
      expect(await ask(about('patch', 'deployments', { group: 'apps' }))).toEqual({ allowed: false });
      expect(await ask(about('list', 'pods', { group: 'apps' }))).toEqual({ allowed: false });
    }
    server.kernel.iam.revoke(HEAL, ['k8s.pods.list']);
    expect((await send(HERE, { spec: { user: HEAL, ...about('list', 'pods') } })).body.status).toEqual({
      allowed: false,
    });
  });

  it('says nothing of another namespace, nor of what is no verb', async () => {
    const ask = async (spec: object) =>
      (await send(`${REVIEWS}/subjectaccessreviews`, { spec: { user: functionPrincipal('recover'), ...spec } })).body
        .status;
    expect(await ask(about('list', 'pods', { namespace: 'kube-system' }))).toEqual({ allowed: false });
    expect(await ask(about('list', 'pods', { namespace: '' }))).toEqual({ allowed: false });
    expect(await ask(about('down', 'deployments', { group: 'apps', subresource: 'scale' }))).toEqual({
      allowed: false,
    });
    expect(await ask({ nonResourceAttributes: { path: '/version', verb: 'get' } })).toEqual({ allowed: true });
  });

  it('of somebody else is refused to whoever may not ask it', async () => {
    const { status, body } = await send(HERE, { spec: { user: OPERATOR, ...about('get', 'pods') } }, heals());
    expect([status, body.message]).toEqual([
      403,
      `localsubjectaccessreviews.authorization.k8s.io is forbidden: User "${HEAL}" cannot create resource "localsubjectaccessreviews" in API group "authorization.k8s.io" in the namespace "coditect-dms"`,
    ]);
  });

  it.each([
    ['nobody', {}, 'spec.user: Invalid value: "": at least one of user or group must be specified'],
    ['nothing', { resourceAttributes: undefined }, 'exactly one of nonResourceAttributes or resourceAttributes'],
    ['another namespace', about('get', 'pods', { namespace: 'default' }), 'must match metadata.namespace'],
  ])('is invalid where it is about %s', async (what, spec, why) => {
    const user = what === 'nobody' ? {} : { user: HEAL };
    const { status, body } = await send(HERE, { spec: { ...about('get', 'pods'), ...user, ...spec } });
    expect([status, body.message]).toEqual([422, expect.stringContaining(why)]);
  });
});

describe('a review in protobuf, as kubectl sends it', () => {
  const text = (field: number, value: string | Buffer): Buffer =>
    Buffer.concat([Buffer.from([field * 8 + 2, Buffer.byteLength(value)]), Buffer.from(value)]);
  const asked = text(
    2,
    Buffer.concat([text(1, Buffer.concat([text(1, 'coditect-dms'), text(2, 'list'), text(5, 'pods')])), text(3, HEAL)]),
  );
  const whole = Buffer.concat([Buffer.from('k8s\0'), text(1, ''), text(2, asked)]);
  const post = async (body: Buffer) => {
    const headers = {
      authorization: `Bearer ${server.tokens.operator}`,
      'content-type': 'application/vnd.kubernetes.protobuf',
    };
    const answer = await fetch(`${server.base}${HERE}`, { method: 'POST', headers, body: new Uint8Array(body) });
    return { status: answer.status, body: (await answer.json()) as Body };
  };

  it('is answered as one in JSON', async () => {
    expect((await post(whole)).body).toMatchObject({ kind: 'LocalSubjectAccessReview', status: { allowed: true } });
  });

  it('is refused when something of it is missing, wherever it ends', async () => {
    for (const length of [2, 6, 9, whole.length - 1])
      expect((await post(whole.subarray(0, length))).status).not.toBe(201);
  });
});

describe('impersonation', () => {
  const self = { spec: about('delete', 'pods') };
  const path = `${REVIEWS}/selfsubjectaccessreviews`;

  it('lets whoever may do it act as another, with what that one may', async () => {
    expect((await send(path, self)).body.status).toEqual({ allowed: true });
    const { body } = await send(path, self, { headers: { 'impersonate-user': HEAL } });
    expect(body.status).toEqual({ allowed: false });
  });

  it('lets whom nothing was granted ask what he may', async () => {
    const { status, body } = await send(path, self, { headers: { 'impersonate-user': 'nobody@example.com' } });
    expect([status, body.status]).toEqual([201, { allowed: false }]);
  });

  it('is refused to everybody else, in the words of Kubernetes', async () => {
    const { status, body } = await send(path, self, { ...heals(), headers: { 'impersonate-user': OPERATOR } });
    expect([status, body.message]).toEqual([
      403,
      `users "${OPERATOR}" is forbidden: User "${HEAL}" cannot impersonate resource "users" in API group "" at the cluster scope`,
    ]);
  });

  it('of groups needs a user', async () => {
    const { status, body } = await send(path, self, { headers: { 'impersonate-group': 'system:masters' } });
    expect([status, body.message]).toEqual([500, expect.stringContaining('without impersonating a user')]);
  });
});
