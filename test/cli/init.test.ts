import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { configCheck } from '../../cli/config.ts';
import { doctorCommand } from '../../cli/doctor.ts';
import { initCommand } from '../../cli/init.ts';
import { sandboxConfig } from '../../sandbox/host/sandbox-config.ts';
import { OPERATOR } from '../../sandbox/world/reference-system.ts';
import type { Finding } from '../../shared/adoption/finding.ts';
import { MARK } from '../../shared/adoption/propose.ts';
import { parseSystem } from '../../shared/system/parse-system.ts';
import { startDoctorStage } from './doctor-stage.ts';

let stage: Awaited<ReturnType<typeof startDoctorStage>>;
let folder: string;
beforeAll(async () => {
  stage = await startDoctorStage();
  folder = mkdtempSync(join(tmpdir(), 'dr-init-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await stage.close();
});

async function proposal(): Promise<string> {
  const { exitCode, stdout, stderr } = await initCommand(stage.facts, { out: 'dr.yaml', stdout: true, json: false });
  expect([exitCode, stderr]).toEqual([0, '']);
  return stdout;
}

/** Which backend service leads to which application is nothing that a list tells. */
const ENTRANCE = `entrances:
  - id: dms-api
    via: loadBalancer
    host: dms-api.coditect.ai
    probe: https://dms-api.coditect.ai/dr/health
    urlMap: coditect-dms-ingress
    backends:
      - {application: coditect-dms-api-gke, backendService: coditect-dms-gke}
      - {application: coditect-dms-api-run, backendService: coditect-dms-run}
      - {application: coditect-dms-api-east, backendService: coditect-dms-east}`;

/** What a person who knows the reference system says, line by line; the probers are no applications and are taken out. */
function filledIn(text: string): string {
  const answers: Readonly<Record<string, string>> = {
    rto: '1h',
    rpo: '1h',
    maximumDowntime: '4h',
    lossBudget: '15m',
    email: 'oncall@coditect.ai',
    url: 'https://pager.dms.internal/dr/oncall',
    databaseSecret: 'coditect-dms-database-url',
  };
  const hosts: Readonly<Record<string, string>> = {
    'coditect-dms-api-gke': 'dms-api-gke.coditect.ai',
    'coditect-dms-api-run': 'coditect-dms-api-run.coditect.ai',
    'coditect-dms-api-east': 'coditect-dms-api-east.coditect.ai',
  };
  const probers: Readonly<Record<string, string>> = {
    'coditect-dms-api-gke': 'prober-gke.dms.internal',
    'coditect-dms-api-run': 'prober-run.dms.internal',
    'coditect-dms-api-east': 'prober-east.dms.internal',
  };
  return text
    .replaceAll(/ {2}- id: coditect-dms-prober[^]*?(?=\n {2}- id: |\n\n)\n/g, '')
    .split(/^(?= {2}- id: )/m)
    .map((block) => {
      const id = /^ {2}- id: (\S+)/.exec(block)?.[1] ?? '';
      const dependsOn = id.endsWith('-east') ? '' : 'coditect-dms-db';
      return block
        .replace(`dependsOn: [${MARK}]`, `dependsOn: [${dependsOn}]`)
        .replace(`deepHealth: ${MARK}`, `deepHealth: https://${hosts[id] ?? ''}/dr/health`)
        .replace(`vantage: ${MARK}`, `vantage: https://${probers[id] ?? ''}/dr/probe`)
        .replace(`canary: ${MARK}`, `canary: https://${hosts[id] ?? ''}/dr/canary`)
        .replaceAll(/(\w+): <FILL-IN>/g, (_, key: string) => `${key}: ${answers[key] ?? MARK}`);
    })
    .join('')
    .replace('# ? regions:', 'regions:')
    .replace('entrances: []', ENTRANCE)
    .replace(`approve: [${MARK}, ${MARK}]`, 'approve: [https://a.example, https://b.example]');
}

describe('./dr init', () => {
  it('finds databases with their replicas, Deployments, services with their secrets, and says what else there is', async () => {
    const text = await proposal();
    expect(text).toMatch(
      /- instance: coditect-dms-db\n {4}region: us-central1\n {4}replicas:\n.*coditect-dms-db-east, region: us-east1}\n.*coditect-dms-db-replica, region: us-central1}/,
    );
    expect(text).toMatch(/protectedRegions: \[us-central1, us-east1\]\n[^]*controlRegions: \[us-east4, us-west1\]/);
    expect(text).toMatch(
      /- id: coditect-dms-api-gke\n {4}kind: gke\n {4}cluster: coditect-prod-cluster\n {4}location: us-central1-a\n {4}namespace: coditect-dms\n/,
    );
    expect(text).toMatch(
      /- id: coditect-dms-api-run\n[^]*service: coditect-dms-api\n[^]*databaseSecret: coditect-dms-database-url\n/,
    );
    expect(text).toContain('#   URL map coditect-dms-ingress, to the backend service coditect-dms-gke');
    expect(text).toContain('#   dms-api.coditect.ai in coditect-zone: 203.0.113.10, kept for 60s');
    expect(text).toContain('# ? forensics: {bucket: coditect-dms-evidence}');
    expect(text).toContain('instance: coditect-dms-redis');
    expect(text).not.toContain('dr-signing-key');
  });

  it('puts everything in mode observe', async () => {
    expect(await proposal()).toMatch(/^mode:\n {2}default: observe\n\n/m);
  });

  it('is refused by the schema at every marked line, and says what belongs there', async () => {
    const text = await proposal();
    const parsed = parseSystem(text);
    const marked = text
      .split('\n')
      .flatMap((line, index) => (line.includes(MARK) && !line.startsWith('#') ? [index + 1] : []));
    expect(parsed.ok).toBe(false);
    if (parsed.ok) return;
    expect(new Set(parsed.error.map(({ line }) => line))).toEqual(new Set(marked));
    expect(marked.length).toBeGreaterThan(20);
  });

  it('writes a file, and over none that is there', async () => {
    const out = join(folder, 'dr.yaml');
    const written = await initCommand(stage.facts, { out, json: false });
    expect(written).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('./dr config check') });
    const before = readFileSync(out, 'utf8');
    await expect(initCommand(stage.facts, { out, json: false })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('--force'),
    });
    expect(readFileSync(out, 'utf8')).toBe(before);
    expect(await initCommand(stage.facts, { out, json: false, force: true })).toMatchObject({ exitCode: 0 });
    expect(await configCheck(out, { json: false })).toMatchObject({ exitCode: 1 });
  });

  it('says what could not be read, in the file too', async () => {
    stage.world.kernel.iam.revoke(OPERATOR, ['run.*']);
    const said = await initCommand(stage.facts, { out: 'dr.yaml', stdout: true, json: false });
    stage.world.kernel.iam.grant(OPERATOR, ['run.*']);
    expect(said).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('services'),
      stdout: expect.stringContaining('# NOT READ: services (forbidden)'),
    });
  });

  it('is, once filled in, a file of which doctor says what it says of the reference’s', async () => {
    const filled = filledIn(await proposal());
    expect(filled).not.toContain(`: ${MARK}`);
    stage.setConfig(sandboxConfig(filled, stage.endpoints));
    const { stdout, stderr } = await doctorCommand(stage.facts, { config: 'dr.yaml', json: true });
    expect(stderr).toBe('');
    const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
    const named = findings.filter(({ verdict }) => verdict !== 'fine');
    // In mode observe nothing may change anything, and the sandbox gives its functions what the reference's modes need.
    expect(named.map(({ check }) => check)).toEqual([
      'permissions of heal',
      'permissions of recover',
      'cluster roles of heal in us-central1-a/coditect-prod-cluster/coditect-dms',
      'cluster roles of recover in us-central1-a/coditect-prod-cluster/coditect-dms',
    ]);
    expect(named.every(({ says }) => says.includes('no step of it needs'))).toBe(true);
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining([
        'database coditect-dms-db',
        'replica coditect-dms-db-replica',
        'replica coditect-dms-db-east',
        'application coditect-dms-api-gke',
        'application coditect-dms-api-east',
        'entrance dms-api',
        'secret coditect-dms-database-url',
        'alert dr-cloudsql-primary-down',
      ]),
    );
  });
});
