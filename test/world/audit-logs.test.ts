import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../shared/core/json.ts';
import { minutes } from '../../shared/core/time.ts';
import { parseAlert } from '../../shared/signals/alert.ts';
import type { Caller } from '../../sandbox/world/caller.ts';
import { parseFilter } from '../../sandbox/world/logging-filter.ts';
import { STRANGER } from '../../sandbox/world/intrusion.ts';
import { auditPolicies } from '../../sandbox/world/audit-policies.ts';
import { functionPrincipal, OPERATOR, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { answered } from './sql-world.ts';
import { createWholeWorld } from './whole-world.ts';

const RECOVER: Caller = { principal: functionPrincipal('recover'), from: 'functions' };
const PERSON: Caller = { principal: OPERATOR, from: 'internet' };

/** What the product would read of each alert that was published. */
const read = (world: ReturnType<typeof createWholeWorld>) =>
  world.published.map(({ message }) => {
    const alert = parseAlert(message);
    if (!alert.ok) throw new Error(alert.error.because);
    return { policy: alert.value.policyName, ...alert.value.entry };
  });

describe('whoever does what a thief would do', () => {
  it.each([
    [
      'secret',
      'dr-secret-read',
      STRANGER,
      'google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion',
      `projects/${REFERENCE.project.number}/secrets/${REFERENCE.signingSecret}/versions/latest`,
    ],
    [
      'password',
      'dr-database-user-changed',
      STRANGER,
      'cloudsql.users.update',
      'projects/coditect-prod/instances/coditect-dms-db',
    ],
    ['role', 'dr-project-policy-changed', OPERATOR, 'SetIamPolicy', 'projects/coditect-prod'],
  ])('is told of once, with who did what to what: %s', (variant, policy, principal, method, resource) => {
    const world = createWholeWorld({ disorder: { late: [0, 0], duplicates: 0, duplicateAfter: [1, 1] } });
    world.disasters.break('intrusion', undefined, variant);
    world.clock.advanceBy(minutes(2));

    expect(read(world)).toEqual([{ policy, principal, method, resource }]);
    world.clock.advanceBy(minutes(20));
    expect(read(world)).toHaveLength(1);
  });

  it('is told of in the form that Monitoring has for log matches, which names no metric and no value', () => {
    const world = createWholeWorld();
    world.disasters.break('intrusion', undefined, 'secret');
    world.clock.advanceBy(minutes(2));

    const incident = world.published[0]?.message['incident'] as JsonObject; // as the schema of notifications has it
    expect(incident).toMatchObject({
      state: 'open',
      ended_at: null,
      metric: { type: '', displayName: '', labels: {} },
      resource: { type: 'audited_resource', labels: { service: 'secretmanager.googleapis.com' } },
      condition: { conditionMatchedLog: { resourceContainers: ['projects/coditect-prod'] } },
    });
    expect(incident['summary']).toContain('Log match condition');
    expect(Object.keys(incident)).not.toEqual(expect.arrayContaining(['threshold_value']));
    expect(incident['resource_display_name']).toBeUndefined();
  });

  it('is no alert where dr.yaml names them for it', () => {
    const world = createWholeWorld();
    answered(world.secretsApi.access(RECOVER, REFERENCE.signingSecret, 'latest'));
    answered(world.sql.admin.updateUser(RECOVER, 'coditect-dms-db', REFERENCE.databaseUser, 'another'));
    world.clock.advanceBy(minutes(2));

    expect(world.published).toEqual([]);
  });

  it('is heard of by nobody where the project does not write down who reads, or not that one', () => {
    const READS = { service: 'secretmanager.googleapis.com', type: 'DATA_READ', exempted: [] } as const;
    const world = createWholeWorld();
    const read = () => {
      world.disasters.break('intrusion', undefined, 'secret');
      world.clock.advanceBy(minutes(2));
      world.disasters.mend('intrusion');
      return world.published.length;
    };
    world.audits.set([{ ...READS, type: 'DATA_WRITE' }]);
    expect(read()).toBe(0);
    world.audits.set([READS, { ...READS, service: 'allServices', exempted: [`user:${STRANGER}`] }]);
    expect(read()).toBe(0);
  });

  it('is no alert where the call was refused, which its log entry says', () => {
    const world = createWholeWorld();
    const outcome = world.secretsApi.access({ ...PERSON, principal: STRANGER }, REFERENCE.signingSecret, 'latest');
    world.clock.advanceBy(minutes(2));

    expect(outcome.kind).toBe('error');
    expect(world.logs.entries().at(-1)?.protoPayload).toMatchObject({ status: { code: 7 } });
    expect(world.published).toEqual([]);
  });

  it('is told of again by the same deed an hour later, and at once by another', () => {
    const world = createWholeWorld({ disorder: { late: [0, 0], duplicates: 0, duplicateAfter: [1, 1] } });
    const readIt = (secret: string): void => void answered(world.secretsApi.access(PERSON, secret, 'latest'));
    readIt(REFERENCE.signingSecret);
    readIt(REFERENCE.signingSecret);
    readIt(REFERENCE.paymentSecret);
    world.clock.advanceBy(minutes(2));
    expect(read(world)).toHaveLength(2);
    world.clock.advanceBy(minutes(60));
    readIt(REFERENCE.signingSecret);
    world.clock.advanceBy(minutes(2));
    expect(read(world)).toHaveLength(3);
  });
});

describe('a policy about logs', () => {
  const [policy] = auditPolicies(REFERENCE.project);

  it('is refused without a limit of its rate, as Monitoring refuses it', () => {
    const world = createWholeWorld();
    const { alertStrategy: _, ...unlimited } = policy ?? {};
    expect(() => world.monitoring.setPolicies([unlimited as NonNullable<typeof policy>])).toThrow(
      'a log match needs a notificationRateLimit',
    );
  });

  it('has a filter that Cloud Logging’s language knows', () => {
    for (const { conditions } of auditPolicies(REFERENCE.project))
      for (const { conditionMatchedLog: match } of conditions)
        expect(() => parseFilter(match?.filter ?? '', REFERENCE.project)).not.toThrow();
  });
});
