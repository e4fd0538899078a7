import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { applyPatch } from '../../sandbox/world/kubernetes-patch.ts';

type Body = Readonly<Record<string, unknown>>;

const strategic = (target: Body, body: unknown) => applyPatch('Deployment', target, { type: 'strategic', body });
const merge = (target: Body, body: unknown) => applyPatch('Deployment', target, { type: 'merge', body });
const operations = (target: Body, body: unknown) => applyPatch('Deployment', target, { type: 'json', body });

const deployment = (containers: readonly unknown[], rest: Body = {}): Body => ({
  spec: { template: { spec: { containers, ...rest } } },
});
const api = {
  name: 'api',
  image: 'a:1',
  env: [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ],
};
const web = { name: 'web', image: 'w:1' };

describe('a strategic merge patch', () => {
  it('of kubectl set env changes one variable and keeps everything else', () => {
    const sent = deployment([
      {
        '$setElementOrder/env': [{ name: 'A' }, { name: 'B' }, { name: 'API_LOG_LEVEL' }],
        env: [{ name: 'API_LOG_LEVEL', value: 'DEBUG' }],
        name: 'api',
      },
    ]);
    expect(strategic(deployment([web, api]), sent)).toEqual(
      deployment([web, { ...api, env: [...api.env, { name: 'API_LOG_LEVEL', value: 'DEBUG' }] }]),
    );
  });

  it('of kubectl rollout restart adds an annotation where there were none', () => {
    const sent = { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } } } } };
    expect(strategic(deployment([api]), sent)).toEqual({
      spec: { template: { ...sent.spec.template, spec: { containers: [api] } } },
    });
  });

  it('deletes and replaces what it is told to', () => {
    const removed = deployment([
      { name: 'api', env: [{ name: 'A', $patch: 'delete' }] },
      { name: 'web', $patch: 'delete' },
    ]);
    expect(strategic(deployment([web, api]), removed)).toEqual(
      deployment([{ ...api, env: [{ name: 'B', value: '2' }] }]),
    );
    expect(strategic(deployment([web, api]), deployment([{ $patch: 'replace' }, web]))).toEqual(deployment([web]));
    const volumes = { volumes: [{ name: 'v', emptyDir: {} }] };
    const retained = { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/' } }] };
    expect(strategic(deployment([api], volumes), deployment([], retained))).toEqual(
      deployment([api], { volumes: [{ name: 'v', hostPath: { path: '/' } }] }),
    );
    expect(strategic({ metadata: { labels: { a: 'b' } } }, { metadata: { labels: null } })).toEqual({ metadata: {} });
  });

  it('puts items into the order that it names, and those that it does not name after their neighbours', () => {
    const items = ['a', 'b', 'c', 'd'].map((name) => ({ name, image: 'i' }));
    const order = {
      spec: { template: { spec: { '$setElementOrder/containers': [{ name: 'd' }, { name: 'a' }, { name: 'b' }] } } },
    };
    const sorted = strategic(deployment(items), order);
    expect(
      JSON.stringify(sorted)
        .match(/"name":"\w"/g)
        ?.join(''),
    ).toBe('"name":"d""name":"a""name":"b""name":"c"');
  });

  it('merges lists of plain values, and replaces lists without a key', () => {
    const finalizers = { metadata: { finalizers: ['a', 'b'] } };
    expect(strategic(finalizers, { metadata: { finalizers: ['c', 'a'] } })).toEqual({
      metadata: { finalizers: ['a', 'b', 'c'] },
    });
    expect(strategic(finalizers, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } })).toEqual({
      metadata: { finalizers: ['b'] },
    });
    const args = deployment([{ ...api, args: ['x', 'y'] }]);
    expect(strategic(args, deployment([{ name: 'api', args: ['z'] }]))).toEqual(deployment([{ ...api, args: ['z'] }]));
  });

  it('refuses an item without its key, and a body that is no object', () => {
    expect(() => strategic(deployment([api]), deployment([{ image: 'b' }]))).toThrow(
      'does not contain declared merge key: name',
    );
    expect(() => strategic(deployment([api]), [])).toThrow('cannot unmarshal array');
  });
});

describe('a merge patch', () => {
  it('replaces whole lists, and removes what is null', () => {
    expect(merge(deployment([web, api]), deployment([api]))).toEqual(deployment([api]));
    expect(merge({ a: { b: 1, c: 2 } }, { a: { b: null } })).toEqual({ a: { c: 2 } });
  });

  it('always makes the object that a merge of its own result makes again', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (target, patch) => {
          const once = merge(target, patch);
          expect(merge(once, patch)).toEqual(once);
        },
      ),
    );
  });
});

describe('a JSON patch', () => {
  const target = { a: { b: [1, 2, 3] }, 'x/y': { '~': 0 } };

  it('does what its operations say, in order', () => {
    const steps = [
      { op: 'test', path: '/a/b/0', value: 1 },
      { op: 'add', path: '/a/b/1', value: 9 },
      { op: 'add', path: '/a/b/-', value: 4 },
      { op: 'remove', path: '/a/b/0' },
      { op: 'replace', path: '/x~1y/~0', value: 'ok' },
      { op: 'copy', from: '/a/b/0', path: '/c' },
      { op: 'move', from: '/c', path: '/d' },
    ];
    expect(operations(target, steps)).toEqual({ a: { b: [9, 2, 3, 4] }, 'x/y': { '~': 'ok' }, d: 9 });
    expect(target).toEqual({ a: { b: [1, 2, 3] }, 'x/y': { '~': 0 } });
  });

  it.each([
    ['a failed test', { op: 'test', path: '/a/b/0', value: 2 }, 422],
    ['a place that is not there', { op: 'replace', path: '/a/c', value: 2 }, 422],
    ['a place beyond a list', { op: 'add', path: '/a/b/9', value: 2 }, 422],
    ['a place in a prototype', { op: 'copy', from: '/a/constructor', path: '/c' }, 422],
    ['an unknown operation', { op: 'merge', path: '/a', value: 2 }, 400],
    ['a path without a slash', { op: 'add', path: 'a', value: 2 }, 400],
  ])('refuses %s', (_what, step, status) => {
    expect(() => operations(target, [step])).toThrow(expect.objectContaining({ status }));
  });

  it('refuses an object, which is what a merge body without its content type looks like', () => {
    expect(() => operations(target, { spec: {} })).toThrow(expect.objectContaining({ status: 400 }));
  });
});
