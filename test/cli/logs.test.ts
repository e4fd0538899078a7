import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { logsCommand, type LogsRequest } from '../../cli/logs.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { startOperatorStage } from './operator-stage.ts';

let stage: Awaited<ReturnType<typeof startOperatorStage>>;
beforeAll(async () => {
  stage = await startOperatorStage();
  // Loads the clients: on a busy machine that alone may take longer than an answer is waited for.
  await logs();
  await logs({ application: 'api-run' });
});
afterAll(() => stage.close());
afterEach(() => stage.sandbox.world.kernel.faults.clear());

const asked = { application: 'api-gke', since: '10m', limit: 100, pod: undefined, previous: false } as const;
const logs = (request: Partial<LogsRequest> = {}) =>
  logsCommand(stage.facts, { ...asked, ...request }, { json: false });

const aPod = (): string =>
  stage.sandbox.world.applications.running().find(({ id }) => id.startsWith(`${REFERENCE.api}-`))?.id ?? '';

describe('the logs of an application', () => {
  it('are those of all its pods, each under its name', async () => {
    const { stdout, exitCode } = await logs();
    expect(exitCode).toBe(0);
    expect(stdout.match(/^== coditect-dms-api-\S+ \(pod\)$/gm)).toHaveLength(3);
    expect(stdout).toContain('application startup complete');
  });

  it('hold no password, whatever the application wrote', async () => {
    const { stdout } = await logs();
    expect(stdout).toContain('INFO connecting to postgresql://dms:[redacted]@10.20.0.3:5432/dms');
    const run = await logs({ application: 'api-run' });
    expect(run.stdout).toContain('INFO connecting to postgresql://dms:[redacted]@10.20.0.3:5432/dms');
  });

  it('have an end: no more lines than are asked for, and none that are older', async () => {
    const one = await logs({ pod: aPod(), limit: 1 });
    expect(one.stdout.trimEnd().split('\n')).toHaveLength(2);
    expect((await logs({ pod: aPod(), since: '1s' })).stdout).toContain('no lines');
    const run = await logs({ application: 'api-run', limit: 1 });
    expect(run.stdout).toMatch(/^== coditect-dms-api \(Cloud Logging; the newest 1 of the last 10m\)\n.+\n$/);
  });

  it('are asked of Cloud Logging when the cluster does not answer, which is said', async () => {
    const { world, clock } = stage.sandbox;
    world.logs.write({
      log: 'stderr',
      resource: {
        type: 'k8s_container',
        labels: {
          project_id: REFERENCE.project.id,
          location: REFERENCE.zone,
          cluster_name: REFERENCE.cluster,
          namespace_name: REFERENCE.namespace,
          pod_name: `${REFERENCE.api}-5c8d-x2x4z`,
        },
      },
      at: clock.now(),
      severity: 'ERROR',
      text: 'the last word, password=hunter2',
    });
    world.kernel.faults.draw({ on: { api: 'kubernetes' }, rates: [[{ kind: 'serverError' }, 1]] });
    const { stdout, exitCode } = await logs();
    expect(stdout).toMatch(/^== coditect-dms-api \(Cloud Logging; the cluster: http 503\)/);
    expect(stdout).toContain('ERROR coditect-dms-api-5c8d-x2x4z the last word, password=[redacted]');
    expect(exitCode).toBe(0);
  });

  it('are unknown when nothing answers', async () => {
    stage.sandbox.world.kernel.faults.draw({ on: {}, rates: [[{ kind: 'serverError' }, 1]] });
    const { stderr, exitCode } = await logs();
    expect(exitCode).toBe(4);
    expect(stderr).toContain('neither can be read');
  });

  it('can’t command the terminal of who reads them', async () => {
    const { world, clock } = stage.sandbox;
    const labels = {
      project_id: REFERENCE.project.id,
      location: REFERENCE.region,
      service_name: REFERENCE.api,
      revision_name: 'r',
    };
    const resource = { type: 'cloud_run_revision', labels };
    world.logs.write({ log: 'x', resource, at: clock.now(), severity: 'INFO', text: 'a\u001b[2Jb' });
    expect((await logs({ application: 'api-run' })).stdout).toContain('a·[2Jb');
  });

  it.each([
    [{ application: 'api-nope' }, 'dr.yaml has no application api-nope; it has api-gke, api-run'],
    [{ since: 'yesterday' }, '--since is a length of time'],
    [{ since: '31d' }, '30d at the most'],
    [{ limit: 0 }, '--limit goes from 1 to 1000'],
    [{ application: 'api-run', previous: true }, 'has no pods'],
  ])('refuse %j as wrong usage', async (request, says) => {
    await expect(logs(request)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(says) });
  });

  it('says of a pod that never ran before that it did not', async () => {
    expect((await logs({ pod: aPod(), previous: true })).stdout).toContain('no container before');
  });

  it('takes no more than a name for a pod', async () => {
    await expect(logs({ pod: 'x" OR severity="ERROR' })).rejects.toMatchObject({ exitCode: 2 });
  });
});
