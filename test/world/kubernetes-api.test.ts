import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seconds } from '../../shared/core/time.ts';
import type { Patch } from '../../sandbox/world/kubernetes-patch.ts';
import type { Caller } from '../../sandbox/world/caller.ts';
import {
  type Setting,
  NAMESPACE,
  answered,
  api,
  change,
  heal,
  operator,
  refused,
  restartAt,
  runningReference,
} from './kubernetes-setting.ts';

const merge = (body: unknown): Patch => ({ type: 'merge', body });
const stranger: Caller = { principal: 'nobody@example.com', from: 'internet' };

const configMap = (name: string, data: object = {}): unknown => ({ metadata: { name }, data });
const make = ({ cluster }: Setting, name: string, data: object = {}) =>
  answered(cluster.api.create(operator, 'ConfigMap', NAMESPACE, configMap(name, data))).object;

describe('permissions', () => {
  it('let nobody do anything that was not granted, in the words of Kubernetes', () => {
    const { cluster } = runningReference();
    const refusal = refused(cluster.api.delete(stranger, 'Pod', NAMESPACE, 'some'));
    expect(refusal).toMatchObject({ status: 403, reason: 'Forbidden', details: { kind: 'pods', name: 'some' } });
    expect(refusal.message).toBe(
      'pods "some" is forbidden: User "nobody@example.com" cannot delete resource "pods" in API group "" in the namespace "coditect-dms"',
    );
    expect(refused(cluster.api.visit(stranger, '/version')).status).toBe(403);
  });

  it('let heal look, evict and scale up, but neither delete a pod nor change a template', () => {
    const { cluster } = runningReference();
    answered(cluster.api.list(heal, 'Pod', { namespace: NAMESPACE }));
    answered(cluster.api.visit(heal, '/version'));
    expect(refused(cluster.api.delete(heal, 'Pod', NAMESPACE, 'some')).status).toBe(403);
    expect(refused(cluster.api.patch(heal, 'Deployment', api, merge(restartAt('now')))).status).toBe(403);
    expect(refused(cluster.api.list(heal, 'Secret', { namespace: NAMESPACE })).status).toBe(403);
  });

  it('of our functions hold in the namespace of the application, and nowhere else', () => {
    const { cluster } = runningReference();
    expect(refused(cluster.api.list(heal, 'Pod', { namespace: 'kube-system' })).message).toContain(
      'cannot list resource "pods" in API group "" in the namespace "kube-system"',
    );
    expect(refused(cluster.api.list(heal, 'Pod', { namespace: '' })).message).toContain('at the cluster scope');
  });

  it('can be asked for beforehand', () => {
    const { cluster } = runningReference();
    const ask = (caller: Caller, verb: string, resource: string, group = '') => {
      const body = { spec: { resourceAttributes: { verb, resource, group, namespace: NAMESPACE } } };
      return answered(cluster.api.review(caller, 'SelfSubjectAccessReview', '', body))['status'];
    };
    expect(ask(heal, 'list', 'pods')).toEqual({ allowed: true });
    expect(ask(heal, 'delete', 'pods')).toEqual({ allowed: false });
    expect(ask(heal, 'get', 'deployments', 'apps')).toEqual({ allowed: true });
  });
});

describe('the policy on scaling', () => {
  const scaleTo = ({ cluster }: Setting, replicas: number) =>
    cluster.api.patchScale(heal, 'Deployment', api, merge({ spec: { replicas } }));
  const setRange = ({ cluster }: Setting, spec: object) =>
    cluster.api.patch(heal, 'HorizontalPodAutoscaler', api, merge({ spec }));

  it('lets heal scale up to the maximum of the autoscaler and no further, and never down', () => {
    const setting = runningReference();
    expect(answered(scaleTo(setting, 5)).spec).toEqual({ replicas: 5 });
    const down = refused(scaleTo(setting, 4));
    expect(down).toMatchObject({ status: 403, reason: 'Forbidden' });
    expect(down.message).toMatch(
      /^deployments\.apps "coditect-dms-api" is forbidden: ValidatingAdmissionPolicy .* may not scale down from 5 to 4$/,
    );
    expect(refused(scaleTo(setting, 0)).status).toBe(403);
    expect(refused(scaleTo(setting, 11)).message).toContain('above 10');
    answered(scaleTo(setting, 10));
  });

  it('lets heal raise the minimum of an autoscaler, and change nothing else of its range', () => {
    const setting = runningReference();
    answered(setRange(setting, { minReplicas: 5 }));
    expect(refused(setRange(setting, { minReplicas: 4 })).message).toContain('may not lower minReplicas from 5 to 4');
    expect(refused(setRange(setting, { maxReplicas: 20 })).status).toBe(403);
    expect(refused(setRange(setting, { maxReplicas: 6 })).status).toBe(403);
  });

  it('lets heal give a floor that it raised back, to what it was and no lower', () => {
    const setting = runningReference();
    const remember = (minReplicas: number, former: string | null) =>
      setting.cluster.api.patch(heal, 'HorizontalPodAutoscaler', api, {
        type: 'merge',
        body: { metadata: { annotations: { 'dr-autopilot-former-min-replicas': former } }, spec: { minReplicas } },
      });
    expect(refused(remember(6, '1')).message).toContain('may not remember 1 as its former minReplicas');
    answered(remember(6, '3'));
    expect(refused(remember(2, null)).message).toContain('may not lower minReplicas from 6 to 2');
    expect(refused(remember(6, '1')).status).toBe(403);
    answered(remember(3, null));
    expect(refused(setRange(setting, { minReplicas: 2 })).status).toBe(403);
  });

  it('leaves the operator free', () => {
    const { cluster } = runningReference();
    answered(cluster.api.patchScale(operator, 'Deployment', api, merge({ spec: { replicas: 0 } })));
  });
});

describe('versions', () => {
  it('rise with every change, one count for all objects', () => {
    const setting = runningReference();
    const [a, b] = [make(setting, 'a'), make(setting, 'b')];
    expect(Number(b.metadata.resourceVersion)).toBeGreaterThan(Number(a.metadata.resourceVersion));
    const at = { namespace: NAMESPACE, name: 'a' };
    const same = answered(setting.cluster.api.patch(operator, 'ConfigMap', at, merge({ data: {} }))).object;
    expect(same.metadata.resourceVersion).toBe(a.metadata.resourceVersion);
  });

  it('that are stale are refused with 409, in PUT and in PATCH', () => {
    const setting = runningReference();
    const { metadata } = make(setting, 'a');
    const at = { namespace: NAMESPACE, name: 'a' };
    const { resourceVersion } = metadata;
    answered(setting.cluster.api.patch(operator, 'ConfigMap', at, merge({ data: { x: '1' } })));
    const put = setting.cluster.api.update(operator, 'ConfigMap', at, {
      metadata: { name: 'a', resourceVersion },
      data: {},
    });
    expect(refused(put)).toMatchObject({ status: 409, reason: 'Conflict', details: { kind: 'configmaps', name: 'a' } });
    expect(refused(put).message).toContain('the object has been modified');
    const patch = setting.cluster.api.patch(
      operator,
      'ConfigMap',
      at,
      merge({ metadata: { resourceVersion }, data: {} }),
    );
    expect(refused(patch).status).toBe(409);
    expect(
      refused(setting.cluster.api.patch(operator, 'ConfigMap', at, merge({ metadata: { uid: 'x' } }))).status,
    ).toBe(409);
    answered(setting.cluster.api.update(operator, 'ConfigMap', at, configMap('a', { y: '2' })));
  });

  it('of the spec are counted, and seen by the controller', () => {
    const setting = runningReference();
    change(setting, restartAt('now'));
    expect(setting.deployment().metadata.generation).toBe(2);
    expect(setting.deployment().status.observedGeneration).toBe(1);
    change(setting, { metadata: { labels: { a: 'b' } } });
    expect(setting.deployment().metadata.generation).toBe(2);
    setting.clock.advanceBy(1_000);
    expect(setting.deployment().status.observedGeneration).toBe(2);
  });

  it('guard the scale too', () => {
    const { cluster } = runningReference();
    const stale = merge({ metadata: { resourceVersion: '1' }, spec: { replicas: 4 } });
    expect(refused(cluster.api.patchScale(operator, 'Deployment', api, stale)).status).toBe(409);
    const { metadata } = answered(cluster.api.readScale(operator, 'Deployment', NAMESPACE, api.name));
    answered(cluster.api.updateScale(operator, 'Deployment', api, { metadata, spec: { replicas: 4 } }));
  });
});

describe('what a client may write', () => {
  it('never includes unknown fields: refused, warned of, or dropped', () => {
    const { cluster } = runningReference();
    const body = { spec: { paused: false, pausd: true } };
    const send = (fieldValidation: 'Strict' | 'Warn' | 'Ignore') =>
      cluster.api.patch(operator, 'Deployment', api, merge(body), { fieldValidation });
    expect(refused(send('Strict'))).toMatchObject({
      status: 422,
      message: 'strict decoding error: unknown field "spec.pausd"',
    });
    expect(answered(send('Warn')).warnings).toEqual(['unknown field "spec.pausd"']);
    expect(answered(send('Ignore')).warnings).toEqual([]);
    expect(cluster.store.read('Deployment', NAMESPACE, api.name).spec).not.toHaveProperty('pausd');
    const created = cluster.api.create(
      operator,
      'ConfigMap',
      NAMESPACE,
      { metadata: { name: 'a' }, dta: {} },
      { fieldValidation: 'Strict' },
    );
    expect(refused(created)).toMatchObject({ status: 400, reason: 'BadRequest' });
  });

  it('never includes identity and status', () => {
    const setting = runningReference();
    const before = setting.deployment();
    const after = change(setting, {
      status: { readyReplicas: 99 },
      metadata: { creationTimestamp: '2020-01-01T00:00:00Z', generation: 50 },
    });
    expect(after).toEqual(before);
  });

  it.each<readonly [string, Patch, number, string]>([
    [
      'a negative number of replicas',
      merge({ spec: { replicas: -1 } }),
      422,
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'another selector',
      merge({ spec: { selector: { matchLabels: { app: 'x' } } } }),
      422,
      '`selector` does not match template `labels`',
    ],
    [
      'no containers',
      merge({ spec: { template: { spec: { containers: [] } } } }),
      422,
      'spec.template.spec.containers: Required value',
    ],
    [
      'a rollout that could not move',
      merge({ spec: { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } } }),
      422,
      'may not be 0',
    ],
    ['another name', merge({ metadata: { name: 'other' } }), 400, 'does not match the name on the URL'],
    ['another namespace', merge({ metadata: { namespace: 'other' } }), 400, 'does not match the namespace'],
    ['another kind', merge({ kind: 'Pod' }), 400, 'must be of type Deployment'],
    ['a text for a number', merge({ spec: { replicas: 'all' } }), 422, 'cannot unmarshal string'],
  ])('is refused with %s', (_what, patch, status, message) => {
    const { cluster } = runningReference();
    const refusal = refused(cluster.api.patch(operator, 'Deployment', api, patch));
    expect(refusal.status).toBe(status);
    expect(refusal.message).toContain(message);
  });

  it('is refused where it does not belong', () => {
    const { cluster } = runningReference();
    const create = (namespace: string, body: unknown) =>
      refused(cluster.api.create(operator, 'ConfigMap', namespace, body));
    expect(create('nowhere', configMap('a'))).toMatchObject({ status: 404, message: 'namespaces "nowhere" not found' });
    expect(create(NAMESPACE, configMap('Not_a_name')).status).toBe(422);
    expect(create(NAMESPACE, {}).status).toBe(422);
    answered(cluster.api.create(operator, 'ConfigMap', NAMESPACE, configMap('a')));
    expect(create(NAMESPACE, configMap('a'))).toMatchObject({ status: 409, reason: 'AlreadyExists' });
    expect(
      answered(cluster.api.create(operator, 'ConfigMap', NAMESPACE, { metadata: { generateName: 'a-' } })).object
        .metadata.name,
    ).toMatch(/^a-[bcdf-hj-np-tv-xz2-9]{5}$/);
  });

  it('changes nothing in a dry run, and is no effect in the audit', () => {
    const setting = runningReference();
    const revision = setting.cluster.store.revision();
    const { cluster, kernel } = setting;
    const dryRun = { dryRun: true } as const;
    expect(
      answered(cluster.api.patch(operator, 'Deployment', api, merge({ spec: { replicas: 7 } }), dryRun)).object.spec
        .replicas,
    ).toBe(7);
    expect(
      answered(cluster.api.patchScale(operator, 'Deployment', api, merge({ spec: { replicas: 6 } }), dryRun)).spec
        .replicas,
    ).toBe(6);
    answered(cluster.api.create(operator, 'ConfigMap', NAMESPACE, configMap('a'), dryRun));
    answered(cluster.api.delete(operator, 'Deployment', NAMESPACE, api.name, dryRun));
    expect(cluster.store.revision()).toBe(revision);
    expect(kernel.audit.entries().filter(({ call }) => call.writes)).toEqual([]);
  });

  it('waits for finalizers before it goes', () => {
    const setting = runningReference();
    const at = { namespace: NAMESPACE, name: 'a' };
    answered(
      setting.cluster.api.create(operator, 'ConfigMap', NAMESPACE, {
        metadata: { name: 'a', finalizers: ['us/keep'] },
      }),
    );
    expect(
      answered(setting.cluster.api.delete(operator, 'ConfigMap', NAMESPACE, 'a')).metadata.deletionTimestamp,
    ).toBeDefined();
    expect(setting.cluster.store.get('ConfigMap', NAMESPACE, 'a')).toBeDefined();
    answered(setting.cluster.api.patch(operator, 'ConfigMap', at, merge({ metadata: { finalizers: null } })));
    expect(setting.cluster.store.get('ConfigMap', NAMESPACE, 'a')).toBeUndefined();
  });
});

describe('faults at the door', () => {
  it('are worded as Kubernetes words them', () => {
    const { cluster, kernel } = runningReference();
    const get = () => cluster.api.get(operator, 'Deployment', NAMESPACE, api.name);
    kernel.faults.inject({ what: { kind: 'throttled' }, on: { api: 'kubernetes' }, count: 1 });
    expect(refused(get())).toMatchObject({ status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 });
    kernel.faults.inject({ what: { kind: 'serverError' }, on: { api: 'kubernetes' }, count: 1 });
    expect(refused(get())).toMatchObject({ status: 503, reason: 'ServiceUnavailable' });
    kernel.faults.inject({ what: { kind: 'slow', delay: seconds(5) }, on: { api: 'kubernetes' }, count: 1 });
    expect(get()).toMatchObject({ kind: 'answer', delay: 5_000 });
  });

  it('may lose the answer of a change that happens', () => {
    const setting = runningReference();
    setting.kernel.faults.inject({
      what: { kind: 'loseReplyAfter' },
      on: { permission: 'k8s.apps.deployments/scale.patch' },
      count: 1,
    });
    expect(setting.cluster.api.patchScale(heal, 'Deployment', api, merge({ spec: { replicas: 5 } }))).toEqual({
      kind: 'silence',
    });
    expect(setting.deployment().spec.replicas).toBe(5);
  });

  it('leave the cluster working while its API server is out of reach', () => {
    const setting = runningReference();
    setting.kernel.network.cut('functions', 'kubernetes/coditect-prod-cluster');
    expect(setting.cluster.api.get(heal, 'Deployment', NAMESPACE, api.name)).toEqual({ kind: 'silence' });
    answered(setting.cluster.api.get(operator, 'Deployment', NAMESPACE, api.name));
    setting.cluster.faults.crashPod({ namespace: NAMESPACE, name: setting.pods()[0]?.metadata.name ?? '' });
    setting.clock.advanceBy(60_000);
    expect(setting.ready()).toHaveLength(3);
  });
});

describe('the same seed', () => {
  it('always gives the same cluster', () => {
    const life = (seed: number): string => {
      const setting = runningReference({ seed });
      setting.cluster.faults.hangPod({ deployment: api });
      change(setting, restartAt('now'));
      setting.clock.advanceBy(300_000);
      return (
        JSON.stringify(setting.cluster.store.list('Pod').concat()) + JSON.stringify(setting.cluster.store.list('Event'))
      );
    };
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(life(seed)).toBe(life(seed));
      }),
      { numRuns: 5 },
    );
  });
});
