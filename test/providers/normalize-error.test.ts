import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DNS } from '@google-cloud/dns';
import { SqlInstancesServiceClient } from '@google-cloud/sql';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import fc from 'fast-check';
import { inspect } from 'node:util';
import { PortError } from '../../shared/ports/port-error.ts';
import { normalizeError } from '../../shared/providers/normalize-error.ts';
import type { Effect } from '../../shared/providers/normalize-error.ts';
import { identity, nobodyListens, startVendorServer } from './vendor-server.ts';
import type { Reply, VendorServer } from './vendor-server.ts';

// The errors here are thrown by the real clients, provoked by a small server: their shapes are what the rule stands on.

let server: VendorServer;
let gone: string;
beforeAll(async () => {
  [server, gone] = [await startVendorServer(), await nobodyListens()];
});
afterAll(() => server.close());

/** What a client throws when it writes to a server at that address. */
type Client = (base: string) => Promise<unknown>;

const sql: Client = async (base) => {
  const { hostname, port } = new URL(base);
  const authClient = await identity().client();
  const client = new SqlInstancesServiceClient({
    fallback: true,
    apiEndpoint: hostname,
    port: Number(port),
    protocol: 'http',
    authClient,
  });
  await client.promoteReplica({ project: 'p', instance: 'i' }, { retry: null, timeout: 250 });
};

const dns: Client = async (base) => {
  // The package brings an auth library of its own, whose classes are others to the compiler.
  const client = new DNS({ projectId: 'p', authClient: (await identity().client()) as never });
  client.baseUrl = `${base}/dns/v1`;
  const zone = client.zone('z');
  await zone.createChange({ add: zone.record('a', { name: 'x.example.', ttl: 60, data: '192.0.2.1' }) });
};

const gaxios: Client = async (base) =>
  (await identity().client()).request({ url: base, method: 'POST', data: { secret: 'hunter2' }, timeout: 250 });

function cluster(base: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'c', server: base, skipTLSVerify: true }],
    users: [{ name: 'u', token: 'a-token' }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x',
  });
  return config;
}

const kubernetes: Client = async (base) => {
  await cluster(base)
    .makeApiClient(CoreV1Api)
    .createNamespacedPodEviction({ name: 'p', namespace: 'n', body: { metadata: { name: 'p', namespace: 'n' } } });
};

const plainFetch: Client = (base) =>
  fetch(base, { method: 'POST', body: 'x', signal: AbortSignal.timeout(250) }).then((answer) => answer.text());

const CLIENTS = { 'Cloud SQL': sql, 'Cloud DNS': dns, gaxios, Kubernetes: kubernetes, fetch: plainFetch };
type Name = keyof typeof CLIENTS;

async function thrownBy(client: Name, reply: Reply | 'nobody'): Promise<unknown> {
  if (reply !== 'nobody') server.answer(reply);
  try {
    await CLIENTS[client](reply === 'nobody' ? gone : server.base);
  } catch (error) {
    return error;
  }
  throw new Error('the client threw nothing');
}

const google = (status: number, name: string | undefined, reason: string): Reply => ({
  status,
  body: {
    error: {
      code: status,
      message: 'in words',
      status: name,
      errors: [{ reason, domain: 'global', message: 'in words' }],
    },
  },
});
const kubernetesStatus = (code: number, reason: string): Reply => ({
  status: code,
  body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code },
});

async function verdict(client: Name, reply: Reply | 'nobody', effect: Effect): Promise<string> {
  const { kind, code } = normalizeError(await thrownBy(client, reply), { doing: 'trying', effect });
  return `${kind} ${code}`;
}

const REFUSALS: readonly (readonly [Name, string, Reply, string])[] = [
  ['Cloud SQL', '400 invalid', google(400, undefined, 'invalid'), 'permanent invalid'],
  [
    'Cloud SQL',
    '400 failedPrecondition',
    google(400, 'FAILED_PRECONDITION', 'failedPrecondition'),
    'permanent failedPrecondition',
  ],
  ['Cloud SQL', '401 authError', google(401, undefined, 'authError'), 'retryable unauthenticated'],
  ['Cloud SQL', '403 notAuthorized', google(403, undefined, 'notAuthorized'), 'permanent forbidden'],
  ['Cloud SQL', '403 rateLimitExceeded', google(403, undefined, 'rateLimitExceeded'), 'retryable throttled'],
  ['Cloud SQL', '404 instanceDoesNotExist', google(404, undefined, 'instanceDoesNotExist'), 'permanent notFound'],
  ['Cloud SQL', '409 operationInProgress', google(409, undefined, 'operationInProgress'), 'conflict http 409'],
  [
    'Cloud SQL',
    '409 instanceAlreadyExists',
    google(409, 'ALREADY_EXISTS', 'instanceAlreadyExists'),
    'conflict alreadyExists',
  ],
  ['Cloud SQL', '412 conditionNotMet', google(412, undefined, 'conditionNotMet'), 'conflict http 412'],
  ['Cloud SQL', '429 rateLimitExceeded', google(429, undefined, 'rateLimitExceeded'), 'retryable throttled'],
  ['Cloud SQL', '500 internalError', google(500, undefined, 'internalError'), 'ambiguous http 500'],
  ['Cloud SQL', '503 backendError', google(503, 'UNAVAILABLE', 'backendError'), 'ambiguous http 503'],
  ['Cloud SQL', '503 rateLimitExceeded', google(503, undefined, 'rateLimitExceeded'), 'retryable throttled'],
  ['Cloud SQL', '503 without JSON', { status: 503, text: '<html>' }, 'ambiguous http 503'],
  ['Cloud SQL', '429 without JSON', { status: 429, text: 'slow down' }, 'retryable throttled'],
  ['Cloud SQL', '501 without JSON', { status: 501, text: '<html>' }, 'permanent http 501'],
  ['Cloud DNS', '404 notFound', google(404, undefined, 'notFound'), 'permanent notFound'],
  ['Cloud DNS', '409 alreadyExists', google(409, undefined, 'alreadyExists'), 'conflict http 409'],
  ['Cloud DNS', '412 conditionNotMet', google(412, undefined, 'conditionNotMet'), 'conflict http 412'],
  ['gaxios', '403 rateLimitExceeded', google(403, undefined, 'rateLimitExceeded'), 'retryable throttled'],
  ['gaxios', '404 notFound', google(404, undefined, 'notFound'), 'permanent notFound'],
  ['gaxios', '503 backendError', google(503, undefined, 'backendError'), 'ambiguous http 503'],
  ['Kubernetes', '401 Unauthorized', kubernetesStatus(401, 'Unauthorized'), 'retryable unauthenticated'],
  ['Kubernetes', '403 Forbidden', kubernetesStatus(403, 'Forbidden'), 'permanent forbidden'],
  ['Kubernetes', '404 NotFound', kubernetesStatus(404, 'NotFound'), 'permanent notFound'],
  ['Kubernetes', '409 Conflict', kubernetesStatus(409, 'Conflict'), 'conflict http 409'],
  ['Kubernetes', '409 AlreadyExists', kubernetesStatus(409, 'AlreadyExists'), 'conflict alreadyExists'],
  ['Kubernetes', '422 Invalid', kubernetesStatus(422, 'Invalid'), 'permanent http 422'],
  ['Kubernetes', '429 TooManyRequests', kubernetesStatus(429, 'TooManyRequests'), 'retryable throttled'],
  ['Kubernetes', '500 InternalError', kubernetesStatus(500, 'InternalError'), 'ambiguous http 500'],
  ['Kubernetes', '503 without JSON', { status: 503, text: 'apiserver not ready' }, 'ambiguous http 503'],
];

describe('an answer that refuses', () => {
  it.each(REFUSALS)('of %s with %s to a write', async (client, _label, reply, expected) => {
    expect(await verdict(client, reply, 'writes')).toBe(expected);
  });

  it('says 500 or 503 to a read as something to try again', async () => {
    expect(await verdict('Cloud SQL', google(503, 'UNAVAILABLE', 'backendError'), 'reads')).toBe('retryable http 503');
    expect(await verdict('Kubernetes', kubernetesStatus(500, 'InternalError'), 'reads')).toBe('retryable http 500');
  });

  it('is a lost race when a precondition fails on a write that carries a version', async () => {
    expect(await verdict('Cloud SQL', google(400, 'FAILED_PRECONDITION', 'stale'), 'writesIfUnchanged')).toBe(
      'conflict failedPrecondition',
    );
  });
});

describe('a reply that is lost', () => {
  const lossy = ['silence', 'reset', 'close', 'half'] as const;
  const table: readonly (readonly [Name, Reply])[] = [
    ...(['Cloud SQL', 'gaxios', 'fetch'] as const).flatMap((client) => lossy.map((reply) => [client, reply] as const)),
    ['Kubernetes', 'reset'],
    ['Kubernetes', 'close'],
    ['Kubernetes', 'half'],
  ];

  it.each(table)('leaves a write of %s in doubt and a read to be repeated (%s)', async (client, reply) => {
    expect(await verdict(client, reply, 'writes')).toMatch(/^ambiguous (timeout|connectionLost)$/);
    expect(await verdict(client, reply, 'reads')).toMatch(/^retryable (timeout|connectionLost)$/);
  });

  it('leaves a write in doubt when its answer is no JSON', async () => {
    expect(await verdict('Cloud SQL', { status: 200, text: '<html>' }, 'writes')).toMatch(/^ambiguous /);
    expect(
      await verdict(
        'Kubernetes',
        { status: 200, text: '<', headers: { 'content-type': 'application/json' } },
        'writes',
      ),
    ).toBe('ambiguous unreadable');
  });
});

describe('a connection that nobody accepts', () => {
  it.each(['Cloud SQL', 'gaxios', 'Kubernetes', 'fetch'] as const)(
    'sent nothing, so even a write of %s may be repeated',
    async (client) => {
      expect(await verdict(client, 'nobody', 'writes')).toBe('retryable connectionRefused');
    },
  );

  it('sent nothing either when the name of the host means nothing', () => {
    const lookup = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' });
    const error = new TypeError('fetch failed', { cause: lookup });
    expect(normalizeError(error, { doing: 'trying', effect: 'writes' })).toMatchObject({
      kind: 'retryable',
      code: 'unreachable',
    });
  });

  it('sent nothing when the connection took too long to be made', () => {
    const error = new TypeError('fetch failed', {
      cause: Object.assign(new Error('x'), { code: 'UND_ERR_CONNECT_TIMEOUT' }),
    });
    expect(normalizeError(error, { doing: 'trying', effect: 'writes' })).toMatchObject({
      kind: 'retryable',
      code: 'unreachable',
    });
  });

  it('is a refusal only if every address of the host refused', () => {
    const attempt = (code: string) => Object.assign(new Error(`connect ${code}`), { code, syscall: 'connect' });
    const failed = (...codes: readonly string[]) =>
      new TypeError('fetch failed', {
        cause: Object.assign(new AggregateError(codes.map(attempt)), { code: codes[0] }),
      });
    const codeOf = (error: Error) => normalizeError(error, { doing: 'trying', effect: 'writes' }).code;
    expect(codeOf(failed('ECONNREFUSED', 'ECONNREFUSED'))).toBe('connectionRefused');
    expect(codeOf(failed('ECONNREFUSED', 'ETIMEDOUT'))).toBe('unreachable');
  });
});

describe('gRPC errors', () => {
  it.each([
    [3, 'permanent'],
    [4, 'ambiguous'],
    [5, 'permanent'],
    [6, 'conflict'],
    [7, 'permanent'],
    [8, 'retryable'],
    [9, 'permanent'],
    [10, 'conflict'],
    [12, 'permanent'],
    [13, 'ambiguous'],
    [14, 'ambiguous'],
    [16, 'retryable'],
  ])('with code %i make a write %s', (code, kind) => {
    expect(
      normalizeError(Object.assign(new Error('in words'), { code }), { doing: 'trying', effect: 'writes' }).kind,
    ).toBe(kind);
  });
});

describe('what leaves an adapter', () => {
  it('is always a PortError, whatever was thrown, and never calls a broken write repeatable', () => {
    const scalar = fc.oneof(
      fc.integer({ min: -1, max: 700 }),
      fc.string(),
      fc.constantFrom('ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'UND_ERR_SOCKET'),
      fc.constant(null),
      fc.boolean(),
    );
    const anything = fc.letrec((tie) => ({
      node: fc.record(
        {
          code: scalar,
          status: scalar,
          httpStatusCode: scalar,
          message: scalar,
          name: scalar,
          cause: fc.oneof({ maxDepth: 5 }, scalar, tie('node')),
        },
        { requiredKeys: [] },
      ),
    })).node;
    fc.assert(
      fc.property(fc.oneof(anything, scalar), (error) => {
        const ours = normalizeError(error, { doing: 'trying', effect: 'writes' });
        expect(ours).toBeInstanceOf(PortError);
        expect(['retryable', 'ambiguous', 'conflict', 'permanent']).toContain(ours.kind);
      }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom('ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET', 'AbortError'),
        fc.nat({ max: 4 }),
        (code, depth) => {
          let error: Error & { code: string } = Object.assign(new Error('in words'), { code });
          for (let layer = 0; layer < depth; layer += 1)
            error = Object.assign(new Error('outer', { cause: error }), { code: 'ERR' });
          expect(normalizeError(error, { doing: 'trying', effect: 'writes' }).kind).toBe('ambiguous');
        },
      ),
    );
  });

  it('keeps the causes as words, without the request that the client hung on them', async () => {
    const error = normalizeError(await thrownBy('gaxios', 'reset'), { doing: 'trying', effect: 'writes' });
    expect(error.message).toBe('trying: ambiguous (connectionLost)');
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('hunter2');
    expect(inspect(error)).toContain('GaxiosError');
  });

  it('passes an error of ours as it is', () => {
    const ours = new PortError('conflict', 'http 409', 'stopping db');
    expect(normalizeError(ours, { doing: 'trying', effect: 'reads' })).toBe(ours);
  });
});
