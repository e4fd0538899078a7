import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KubernetesObject } from '../../sandbox/world/kubernetes-objects.ts';
import type { ListOptions, WatchEvent, WatchOptions } from '../../sandbox/world/kubernetes-reads.ts';
import {
  NAMESPACE,
  type Setting,
  answered,
  api,
  change,
  heal,
  operator,
  refused,
  restartAt,
  runningReference,
} from './kubernetes-setting.ts';

const create = ({ cluster }: Setting, name: string, labels: object = {}): void => {
  answered(cluster.api.create(operator, 'ConfigMap', NAMESPACE, { metadata: { name, labels } }));
};
const list = ({ cluster }: Setting, options: ListOptions = {}) =>
  answered(cluster.api.list(operator, 'ConfigMap', { namespace: NAMESPACE, ...options }));

/** A watch of the ConfigMaps whose events are kept. */
function watching(setting: Setting, options: WatchOptions = {}) {
  const events: WatchEvent[] = [];
  const watch = answered(
    setting.cluster.api.watch(operator, 'ConfigMap', { namespace: NAMESPACE, ...options }, (event) =>
      events.push(event),
    ),
  );
  const told = (): readonly string[] => {
    setting.clock.advanceBy(1);
    return events
      .splice(0)
      .map((event) => ('object' in event ? `${event.type} ${event.object.metadata.name}` : event.type));
  };
  return { ...watch, told, events };
}

describe('a list', () => {
  it('in parts has every object exactly once, and knows how many are left', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        (names, limit) => {
          const setting = runningReference();
          for (const name of names) create(setting, name);
          const seen: string[] = [];
          let next: string | undefined = '';
          while (next !== undefined) {
            const part = list(setting, { limit, continue: next });
            seen.push(...part.items.map(({ metadata }) => metadata.name));
            expect(part.remaining ?? 0).toBe(names.length - seen.length);
            next = part.continue;
          }
          expect(seen).toEqual(names.toSorted());
        },
      ),
      { numRuns: 20 },
    );
  });

  it('can be narrowed by labels and by the fields that the kind lets select', () => {
    const setting = runningReference();
    create(setting, 'a', { tier: 'web', env: 'prod' });
    create(setting, 'b', { tier: 'db', env: 'prod' });
    create(setting, 'c', { env: 'test' });
    const names = (options: ListOptions) => list(setting, options).items.map(({ metadata }) => metadata.name);
    expect(names({ labelSelector: 'tier=web' })).toEqual(['a']);
    expect(names({ labelSelector: 'tier!=web' })).toEqual(['b', 'c']);
    expect(names({ labelSelector: 'tier in (web, db),env==prod' })).toEqual(['a', 'b']);
    expect(names({ labelSelector: 'tier notin (web)' })).toEqual(['b', 'c']);
    expect(names({ labelSelector: '!tier' })).toEqual(['c']);
    expect(names({ labelSelector: 'tier' })).toEqual(['a', 'b']);
    expect(names({ fieldSelector: 'metadata.name!=a' })).toEqual(['b', 'c']);
    const select = (options: ListOptions) => refused(setting.cluster.api.list(operator, 'ConfigMap', options)).status;
    expect(select({ fieldSelector: 'data.x=1' })).toBe(400);
    expect(select({ labelSelector: 'tier in web' })).toBe(400);
    expect(select({ continue: 'nonsense' })).toBe(400);
    expect(select({ resourceVersion: '999999' })).toBe(504);
  });

  it('finds events by the object that they are about', () => {
    const setting = runningReference();
    const { cluster } = setting;
    const [pod] = setting.pods();
    const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${pod?.metadata.name},involvedObject.uid=${pod?.metadata.uid}`;
    const { items } = answered(cluster.api.list(operator, 'Event', { namespace: NAMESPACE, fieldSelector }));
    expect(items.map(({ reason }) => reason).toSorted()).toEqual([
      'Created',
      'Pulled',
      'Pulling',
      'Scheduled',
      'Started',
    ]);
  });
});

describe('a watch', () => {
  it('from a list tells every later change, and nothing twice', () => {
    const setting = runningReference();
    create(setting, 'a');
    const { told, close } = watching(setting, { resourceVersion: list(setting).resourceVersion });
    create(setting, 'b');
    const at = { namespace: NAMESPACE, name: 'a' };
    answered(setting.cluster.api.patch(operator, 'ConfigMap', at, { type: 'merge', body: { data: { x: '1' } } }));
    answered(setting.cluster.api.delete(operator, 'ConfigMap', NAMESPACE, 'b'));
    expect(told()).toEqual(['ADDED b', 'MODIFIED a', 'DELETED b']);
    close();
    create(setting, 'c');
    expect(told()).toEqual([]);
  });

  it('without a version tells first what there is', () => {
    const setting = runningReference();
    create(setting, 'a');
    expect(watching(setting).told()).toEqual(['ADDED a']);
    expect(watching(setting, { resourceVersion: '0' }).told()).toEqual(['ADDED a']);
  });

  it('tells of objects that enter and leave its selection without being made or deleted', () => {
    const setting = runningReference();
    const { told } = watching(setting, { labelSelector: 'on=yes' });
    create(setting, 'a', { on: 'no' });
    const label = (on: string): void => {
      const body = { metadata: { labels: { on } } };
      answered(
        setting.cluster.api.patch(operator, 'ConfigMap', { namespace: NAMESPACE, name: 'a' }, { type: 'merge', body }),
      );
    };
    label('yes');
    label('no');
    expect(told()).toEqual(['ADDED a', 'DELETED a']);
  });

  it('from a time that is no longer kept ends with 410', () => {
    const setting = runningReference({ historyMax: 10 });
    const { told, events } = watching(setting, { resourceVersion: '5' });
    setting.clock.advanceBy(1);
    expect(events[0]).toMatchObject({ type: 'ERROR', error: { status: 410, reason: 'Expired' } });
    told();
    create(setting, 'a');
    expect(told()).toEqual([]);
    const old = Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: 5, start: 'x' })).toString('base64url');
    expect(refused(setting.cluster.api.list(operator, 'ConfigMap', { continue: old })).status).toBe(410);
  });

  it('tells how far it has seen when it is asked for a bookmark', () => {
    const setting = runningReference();
    const { bookmark, told, events } = watching(setting);
    create(setting, 'a');
    bookmark();
    expect(events.at(-1)).toEqual({ type: 'BOOKMARK', resourceVersion: String(setting.cluster.store.revision()) });
    expect(told()).toEqual(['ADDED a', 'BOOKMARK']);
  });

  it('hears nothing while it is cut off, and everything afterwards', () => {
    const setting = runningReference();
    const heard: string[] = [];
    setting.kernel.iam.grant(heal.principal, ['k8s.configmaps.watch']);
    answered(setting.cluster.api.watch(heal, 'ConfigMap', {}, (event) => heard.push(event.type)));
    setting.kernel.network.cut('kubernetes/coditect-prod-cluster', 'functions');
    create(setting, 'a');
    setting.clock.advanceBy(60_000);
    expect(heard).toEqual([]);
    setting.kernel.network.mend('kubernetes/coditect-prod-cluster', 'functions');
    setting.clock.advanceBy(2_000);
    expect(heard).toEqual(['ADDED']);
  });

  it('always leads from an earlier list to a later one', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.integer({ min: 1, max: 60 }), fc.boolean(), (seed, wait, crashes) => {
        const setting = runningReference({ seed });
        const listPods = () => answered(setting.cluster.api.list(operator, 'Pod', { namespace: NAMESPACE }));
        const before = listPods();
        const known = new Map<string, KubernetesObject>(before.items.map((pod) => [pod.metadata.name, pod]));
        const { resourceVersion } = before;
        const listener = (event: WatchEvent): void => {
          if (event.type === 'ADDED' || event.type === 'MODIFIED') known.set(event.object.metadata.name, event.object);
          else if (event.type === 'DELETED') known.delete(event.object.metadata.name);
        };
        answered(setting.cluster.api.watch(operator, 'Pod', { namespace: NAMESPACE, resourceVersion }, listener));
        change(setting, restartAt('now'));
        if (crashes) setting.cluster.faults.crashLoop(api, 'next');
        setting.clock.advanceBy(wait * 1_000);
        const after = listPods().items.map((pod): [string, KubernetesObject] => [pod.metadata.name, pod]);
        expect(new Map([...known].toSorted(([a], [b]) => a.localeCompare(b)))).toEqual(new Map(after));
      }),
      { numRuns: 20 },
    );
  });
});
