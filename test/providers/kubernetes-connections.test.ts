import { once } from 'node:events';
import { createServer } from 'node:https';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { createKubernetesAccess } from '../../shared/providers/kubernetes-access.ts';
import { makeServerCertificate } from '../../sandbox/http/kubernetes-certificate.ts';
import { endpointsAt, identity, startVendorServer, type VendorServer } from './vendor-server.ts';

// How often a cluster is looked up and connected to: by TLS, as a real one.

const PLACE = { cluster: 'c', location: 'us-central1-a', namespace: 'dms' };
const LIST = { group: '', resource: 'pods', subresource: '', verb: 'list' };

const { cert, key } = makeServerCertificate('c');
let handshakes = 0;
/** Whether it says nothing to what it is asked. */
let isSilent = false;
const cluster = createServer({ cert, key }, (request, response) => {
  request.resume();
  if (isSilent) return;
  response.writeHead(201, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'LocalSubjectAccessReview', status: { allowed: true } }));
}).on('secureConnection', () => void (handshakes += 1));
let container: VendorServer;

beforeAll(async () => {
  cluster.listen(0, '127.0.0.1');
  await once(cluster, 'listening');
  const address = cluster.address();
  if (address === null || typeof address === 'string') throw new Error('the cluster has no port');
  const description = {
    endpoint: `127.0.0.1:${address.port}`,
    masterAuth: { clusterCaCertificate: Buffer.from(cert).toString('base64') },
  };
  container = await startVendorServer();
  container.answer({ status: 200, body: description });
});
beforeEach(() => {
  handshakes = 0;
});
afterAll(async () => {
  cluster.closeAllConnections();
  cluster.close();
  await container.close();
});

/** Somebody who asks what a user may do there. */
function asking(): () => Promise<boolean> {
  const access = createKubernetesAccess({ project: 'p', endpoints: endpointsAt(container.base), identity: identity() });
  return () => access.allows(PLACE, 'dr-heal@p.iam.gserviceaccount.com', LIST);
}

it('asks question after question on one connection, and looks the cluster up once for those side by side', async () => {
  const ask = asking();
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([true, true, true]);
  expect(container.seen).toHaveLength(1);
  const before = handshakes;
  for (let n = 0; n < 5; n += 1) await ask();
  expect(before).toBeLessThanOrEqual(3);
  expect(handshakes).toBe(before);
});

it('connects anew after a question that nobody answered', async () => {
  const ask = asking();
  await ask();
  isSilent = true;
  await expect(ask()).rejects.toMatchObject({ code: 'timeout' });
  isSilent = false;
  expect(await ask()).toBe(true);
  expect(handshakes).toBeGreaterThanOrEqual(2);
});
