import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createScaledClock, type ScaledClock } from '../../sandbox/world/clock.ts';
import { functionPrincipal } from '../../sandbox/world/reference-system.ts';
import { instant } from '../../shared/core/time.ts';
import { type ClusterServer, startCluster } from './kubernetes-server.ts';

// The real kubectl, typed as the runbook types it (chapters 3.1, 4.2, 7.1 and appendix A), against the sandbox over https.

const installed = spawnSync('kubectl', ['version', '--client']).status === 0;
if (!installed)
  process.stderr.write('\nSKIPPED: kubectl is not installed, so nothing is known of how the sandbox answers it.\n\n');
const suite = installed ? describe : describe.skip;

/** Bounds a hung kubectl; a command takes 0.1 to 3 seconds on a busy machine. */
const COMMAND_MS_MAX = 60_000;
/** Clock time runs so much faster that a rollout of three pods takes a second. */
const RATE = 60;

const NAMESPACE = 'coditect-dms';
const API = 'deployment/coditect-dms-api';

let clock: ScaledClock;
let server: ClusterServer;
let folder: string;

beforeAll(async () => {
  if (!installed) return;
  // kubectl shows ages by its own clock.
  clock = createScaledClock(RATE, instant(Date.now()));
  server = await startCluster(clock, { tls: true });
  folder = await mkdtemp(join(tmpdir(), 'kubectl-'));
  await writeFile(join(folder, 'config'), server.kubeconfig({ namespace: 'default' }));
  const rolledOut = await kubectl(`rollout status ${API} -n ${NAMESPACE} --timeout=60s`);
  expect(rolledOut.code).toBe(0);
}, COMMAND_MS_MAX);

afterAll(async () => {
  if (!installed) return;
  clock.close();
  await server.close();
  await rm(folder, { recursive: true });
});

const environment = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: folder,
  KUBECONFIG: join(folder, 'config'),
});

/** Runs a command; its exit code and what it printed. */
async function kubectl(command: string): Promise<{ code: number; out: string; err: string }> {
  try {
    const options = { env: environment(), timeout: COMMAND_MS_MAX };
    const { stdout, stderr } = await promisify(execFile)('kubectl', command.split(' '), options);
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }; // execFile's own error
    return { code, out: stdout, err: stderr };
  }
}

/** A command that goes on: `line` waits for a printed line that fits. */
function running(command: string): { line(fits: (line: string) => boolean): Promise<string>; end(): Promise<void> } {
  const child: ChildProcess = spawn('kubectl', command.split(' '), {
    env: environment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const seen: string[] = [];
  const waiting = new Set<() => void>();
  if (child.stdout !== null) {
    createInterface(child.stdout).on('line', (line) => {
      seen.push(line);
      for (const look of waiting) look();
    });
  }
  return {
    line: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = seen.find(fits);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    end: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill();
      }),
  };
}

const rows = (out: string): readonly string[] => out.trim().split('\n').slice(1);
const podNames = (): readonly string[] =>
  server.cluster.store
    .list('Pod', NAMESPACE)
    .filter(
      ({ metadata }) => metadata.labels?.['app'] === 'coditect-dms-api' && metadata.deletionTimestamp === undefined,
    )
    .map(({ metadata }) => metadata.name);
const firstPod = (): string => podNames()[0] ?? '';

suite('kubectl', () => {
  it(
    'gets pods and deployments',
    async () => {
      const { out } = await kubectl(`get pods -n ${NAMESPACE}`);
      expect(out).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\n/);
      expect(rows(out).filter((row) => /^coditect-dms-api-\S+ +1\/1 +Running +0 +\d/.test(row))).toHaveLength(3);
      const deployments = await kubectl(`get deploy -o wide -n ${NAMESPACE}`);
      expect(deployments.out).toMatch(/coditect-dms-api +3\/3 +3 +3 +\S+ +api +\S+:1\.14\.2 +app=coditect-dms-api/);
      const others = await kubectl(`get hpa,pdb,rs,svc,ep,nodes -n ${NAMESPACE}`);
      expect(others.out).toMatch(/Deployment\/coditect-dms-api +cpu: 53%\/70% +3 +10 +3/);
      expect(others.out).toMatch(/poddisruptionbudget.policy\/coditect-dms-api +N\/A +1 +1/);
    },
    COMMAND_MS_MAX,
  );

  it(
    'asks what somebody may do: of itself, of others, and all that somebody may',
    async () => {
      const heal = `--as ${functionPrincipal('heal')} -n ${NAMESPACE}`;
      const said = async (question: string): Promise<readonly [number, string]> => {
        const { code, out } = await kubectl(`auth can-i ${question}`);
        return [code, out.trim()];
      };
      expect(await said(`delete pods -n ${NAMESPACE}`)).toEqual([0, 'yes']);
      expect(await said(`list pods ${heal}`)).toEqual([0, 'yes']);
      expect(await said(`create pods --subresource eviction ${heal}`)).toEqual([0, 'yes']);
      expect(await said(`patch deployments.apps ${heal}`)).toEqual([1, 'no']);
      expect(await said(`list pods --as ${functionPrincipal('heal')} -n kube-system`)).toEqual([1, 'no']);
      expect(await said(`* * ${heal}`)).toEqual([1, 'no']);
      const list = (await kubectl(`auth can-i --list ${heal}`)).out;
      expect(list).toMatch(/^pods +\[\] +\[\] +\[get list\]$/m);
      expect(list).toMatch(/^deployments\.apps\/scale +\[\] +\[\] +\[patch\]$/m);
      const { err } = await kubectl(`get secrets ${heal}`);
      expect(err).toContain(`User "${functionPrincipal('heal')}" cannot list resource "secrets"`);
    },
    COMMAND_MS_MAX,
  );

  it(
    'describes a pod with its events',
    async () => {
      const { out } = await kubectl(`describe pod ${firstPod()} -n ${NAMESPACE}`);
      expect(out).toMatch(/Controlled By: +ReplicaSet\/coditect-dms-api-/);
      expect(out).toMatch(/State: +Running/);
      expect(out).toMatch(/Normal +Scheduled +\S+ +default-scheduler +Successfully assigned/);
      expect(out).toMatch(/Normal +Started +\S+ +kubelet +Started container api/);
      expect((await kubectl(`describe ${API} -n ${NAMESPACE}`)).out).toMatch(
        /Progressing +True +NewReplicaSetAvailable/,
      );
    },
    COMMAND_MS_MAX,
  );

  it(
    'reads logs, and of the previous container only when there was one',
    async () => {
      const name = firstPod();
      expect((await kubectl(`logs ${name} -n ${NAMESPACE}`)).out).toBe('starting\nserving\n');
      const none = await kubectl(`logs ${name} -n ${NAMESPACE} --previous`);
      expect([none.code, none.err]).toEqual([
        1,
        expect.stringContaining(`previous terminated container "api" in pod "${name}" not found`),
      ]);
      const restarted = running(`get pod ${name} -n ${NAMESPACE} -w`);
      await restarted.line((line) => line.includes('1/1'));
      server.cluster.faults.crashPod({ namespace: NAMESPACE, name });
      await restarted.line((line) => /1\/1 +Running +1 /.test(line));
      await restarted.end();
      expect((await kubectl(`logs ${name} -n ${NAMESPACE} --previous --tail=1`)).out).toMatch(
        /^fatal: the process ended/,
      );
      const ofDeployment = await kubectl(`logs deploy/coditect-dms-api -n ${NAMESPACE} --tail=1`);
      expect(ofDeployment).toMatchObject({ code: 0, out: 'serving\n' });
      const followed = running(`logs -f deploy/coditect-dms-api -n ${NAMESPACE}`);
      await followed.line((line) => line === 'serving');
      await followed.end();
    },
    COMMAND_MS_MAX,
  );

  it(
    'watches pods while one of them hangs and is deleted',
    async () => {
      const watch = running(`get pods -n ${NAMESPACE} -w`);
      await watch.line((line) => line.startsWith('coditect-dms-prober'));
      const name = server.cluster.faults.hangPod({ deployment: { namespace: NAMESPACE, name: 'coditect-dms-api' } });
      await watch.line((line) => line.startsWith(name) && /0\/1 +Running/.test(line));
      expect(await kubectl(`delete pod ${name} -n ${NAMESPACE}`)).toMatchObject({ code: 0 });
      await watch.line((line) => line.startsWith(name) && line.includes('Terminating'));
      await watch.line((line) => line.includes('ContainerCreating'));
      await watch.end();
      expect(server.cluster.store.get('Pod', NAMESPACE, name)).toBeUndefined();
    },
    COMMAND_MS_MAX,
  );

  it(
    'scales, and is overruled by the autoscaler',
    async () => {
      const scaled = await kubectl(`scale deployment coditect-dms-api --replicas=5 -n ${NAMESPACE}`);
      expect(scaled.out).toBe('deployment.apps/coditect-dms-api scaled\n');
      const rescaled = running(`get events -n ${NAMESPACE} -w`);
      await rescaled.line((line) =>
        /SuccessfulRescale +horizontalpodautoscaler\/coditect-dms-api +New size: 3/.test(line),
      );
      await rescaled.end();
      await kubectl(`scale deployment coditect-dms-api --replicas=0 -n ${NAMESPACE}`);
      await kubectl(`wait --for=delete pod -l app=coditect-dms-api -n ${NAMESPACE} --timeout=60s`);
      expect((await kubectl(`get deploy coditect-dms-api -n ${NAMESPACE}`)).out).toMatch(/0\/0 +0 +0/);
      await kubectl(`scale deployment coditect-dms-api --replicas=3 -n ${NAMESPACE}`);
      expect((await kubectl(`rollout status ${API} -n ${NAMESPACE} --timeout=60s`)).code).toBe(0);
    },
    COMMAND_MS_MAX,
  );

  it(
    'sets an environment variable, restarts, looks back and undoes',
    async () => {
      const level = () =>
        kubectl(`set env ${API} --list -n ${NAMESPACE}`).then(({ out }) => /API_LOG_LEVEL=(\w+)/.exec(out)?.[1]);
      expect((await kubectl(`set env ${API} API_LOG_LEVEL=DEBUG -n ${NAMESPACE}`)).out).toBe(
        'deployment.apps/coditect-dms-api env updated\n',
      );
      const status = await kubectl(`rollout status ${API} -n ${NAMESPACE} --timeout=60s`);
      expect(status.out).toMatch(/^(Waiting for .*\n)*deployment "coditect-dms-api" successfully rolled out\n$/);
      expect(await level()).toBe('DEBUG');
      expect((await kubectl(`rollout restart ${API} -n ${NAMESPACE}`)).code).toBe(0);
      expect((await kubectl(`rollout status ${API} -n ${NAMESPACE} --timeout=60s`)).code).toBe(0);
      expect((await kubectl(`rollout history ${API} -n ${NAMESPACE}`)).out).toMatch(
        /1 +<none>\n2 +<none>\n3 +<none>\n/,
      );
      expect((await kubectl(`rollout undo ${API} --to-revision=1 -n ${NAMESPACE}`)).out).toContain('rolled back');
      expect((await kubectl(`rollout status ${API} -n ${NAMESPACE} --timeout=60s`)).code).toBe(0);
      expect(await level()).toBe('INFO');
    },
    COMMAND_MS_MAX,
  );

  it(
    'says why when a thing is not there, or can not be done',
    async () => {
      expect(await kubectl(`get pod nobody -n ${NAMESPACE}`)).toMatchObject({
        code: 1,
        err: 'Error from server (NotFound): pods "nobody" not found\n',
      });
      const exec = await kubectl(`exec ${API} -n ${NAMESPACE} -- python -c pass`);
      expect([exec.code, exec.err]).toEqual([126, expect.stringContaining('"python": executable file not found')]);
      expect(exec.err).toContain('command terminated with exit code 126');
      const attached = await kubectl(`attach ${API} -n ${NAMESPACE}`);
      expect([attached.code, attached.err]).toEqual([1, expect.stringContaining('attach is not implemented')]);
      const warned = await kubectl(`patch ${API} -n ${NAMESPACE} --type=merge -p {"spec":{"unheardOf":1}}`);
      expect(warned.err).toContain('Warning: unknown field "spec.unheardOf"');
    },
    COMMAND_MS_MAX,
  );
});
