import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { comesAfter, type GuardBlock, planFaults, type PlannedStep } from '../../shared/plan/plan.ts';
import type { IsolationWish } from '../../shared/runbooks/breach-isolation.ts';
import { drawBreachResponse } from '../../shared/runbooks/breach-response.ts';
import type { Retention } from '../../shared/ports/evidence-vault.ts';
import { instanceName } from '../../shared/system/names.ts';
import { at, SYSTEM } from '../classify/looks.ts';

const [JWT, PAYMENT] = ['coditect-dms-jwt-key', 'coditect-dms-payment-key'] as const;
const [URL, EAST] = ['coditect-dms-database-url', 'coditect-dms-database-url-east'] as const;
const enabled = (...versions: readonly string[]) => versions.map((version) => ({ version, enabled: true }));

const YEAR = { seconds: 365 * 86_400, locked: true } as const;

function drawn(
  versions: Readonly<Record<string, ReturnType<typeof enabled>>>,
  system = SYSTEM,
  retention: Retention | string = YEAR,
  isolate: readonly IsolationWish[] = [],
  warnings: readonly GuardBlock[] = [],
) {
  const { forensics } = system;
  const sources = [{ instance: instanceName('coditect-dms-db'), tier: 'db-custom-4-16384' }];
  const evidence = { forensics: forensics && { ...forensics, retention }, sources };
  const primary = instanceName('coditect-dms-db');
  const primaries = new Map([[primary, primary]]);
  const facts = { at: at(0), versions: new Map(Object.entries(versions)), primaries, evidence, isolate, warnings };
  return drawBreachResponse(system, 'inc-a', 'security-breach', facts);
}

const BRAKE: GuardBlock = {
  guard: 'cooldown',
  kind: 'brake',
  code: 'coolingDown',
  observed: 'the last run ended a minute ago',
  limit: '10m',
  clearsAtMs: null,
  openedBy: null,
};

function stepsOf(versions: Readonly<Record<string, ReturnType<typeof enabled>>>): readonly PlannedStep[] {
  const plan = drawn(versions);
  if (typeof plan === 'string') throw new Error(plan);
  expect(planFaults(plan)).toEqual([]);
  return plan.steps;
}

/** Everything that a step comes after. */
function before(step: PlannedStep, steps: readonly PlannedStep[]): readonly string[] {
  return comesAfter(step).flatMap((need) => {
    const found = steps.find(({ id }) => id === need);
    return found === undefined ? [] : [found.id, ...before(found, steps)];
  });
}

describe('the plan for a breach', () => {
  it('keeps evidence, replaces, restarts every reader, and only then disables', () => {
    const steps = stepsOf({ [JWT]: enabled('1'), [PAYMENT]: enabled('4') });

    const end = steps.find(({ id }) => id === `disable-${JWT}-1`);
    expect(end === undefined ? [] : before(end, steps)).toEqual(
      expect.arrayContaining([`rotate-${JWT}`, 'restart-api-gke', 'restart-api-run', 'capture-api-gke']),
    );
  });

  it('asks a person for what only an issuer can make, and never makes it up', () => {
    const steps = stepsOf({ [JWT]: enabled('1'), [PAYMENT]: enabled('4') });

    const about = steps.filter(({ input }) => input['secret'] === PAYMENT).map(({ action }) => action);
    expect(about).toEqual(['await-issued-secret', 'pass-grace', 'disable-secret-version']);
    expect(steps.find(({ id }) => id === `ask-${PAYMENT}`)).toMatchObject({
      risk: 'observe',
      optional: true,
      input: { person: 'oncall', before: '4' },
    });
  });

  it('replaces a key whatever became of the evidence', () => {
    const rotate = stepsOf({ [JWT]: enabled('1') }).find(({ id }) => id === `rotate-${JWT}`);

    expect(rotate).toMatchObject({ needs: [], after: ['capture-api-gke', 'logs-api-gke', 'logs-api-run'] });
  });

  it('has all evidence in the bucket before a copy is restarted, and waits for no clone', () => {
    const steps = stepsOf({ [JWT]: enabled('1'), [PAYMENT]: enabled('4') });

    for (const id of ['restart-api-gke', 'restart-api-run'])
      expect(steps.find((step) => step.id === id)?.after).toEqual(['seal-evidence']);
    expect(steps.filter((step) => before(step, steps).includes('clone-coditect-dms-db')).map(({ id }) => id)).toEqual([
      'keep-coditect-dms-db',
    ]);
    expect(steps.find(({ id }) => id === 'clone-coditect-dms-db')).toMatchObject({
      risk: 'destructive',
      optional: true,
      input: { source: 'coditect-dms-db', copy: 'coditect-dms-db-forensic-a' },
      title: expect.stringContaining(
        'db-custom-4-16384 until it is stopped, then as large a disk, until people delete it',
      ),
    });
  });

  it.each([
    ['not locked', { ...YEAR, locked: false }, 'is not locked'],
    ['too short', { seconds: 86_400, locked: true }, 'keeps it for 24h 00m only, less than the 90 days'],
    ['none', { seconds: null, locked: false }, 'has no retention policy'],
    ['unreadable', 'forbidden', 'can’t be read (forbidden)'],
  ])('says on its page that the retention is %s, and seals all the same', (_what, retention, said) => {
    const plan = drawn({ [JWT]: enabled('1') }, SYSTEM, retention);

    expect(plan).toMatchObject({
      warnings: [expect.objectContaining({ guard: 'evidence-bucket', observed: expect.stringContaining(said) })],
      steps: expect.arrayContaining([expect.objectContaining({ id: 'seal-evidence' })]),
    });
  });

  it('is the same plan when it is drawn again for its signature, with what its page warns of', () => {
    const wishes = SYSTEM.applications.slice(0, 1).map((application) => ({ application, status: 'forbidden' }));
    const again = (warnings: readonly GuardBlock[]) =>
      drawn({ [JWT]: enabled('1') }, SYSTEM, 'forbidden', wishes, warnings);
    const plan = again([BRAKE]);
    if (typeof plan === 'string') throw new Error(plan);

    expect(plan.warnings.map(({ guard }) => guard)).toEqual(['evidence-bucket', 'isolation', 'cooldown']);
    expect(again(plan.warnings)).toEqual(plan);
  });

  it('says nothing of a bucket that keeps what it should', () => {
    expect(drawn({ [JWT]: enabled('1') })).toMatchObject({ warnings: [] });
  });

  describe('with an application that people want cut off', () => {
    const onGke = SYSTEM.applications.filter(({ id }) => id === 'api-gke');
    const wishes = (status: IsolationWish['status']) => onGke.map((application) => ({ application, status }));
    const OPEN = { kind: 'gke', policy: null } as const;
    const cut = (status: IsolationWish['status'] = OPEN, system = SYSTEM) => {
      const plan = drawn({ [JWT]: enabled('1'), [PAYMENT]: enabled('4') }, system, YEAR, wishes(status));
      if (typeof plan === 'string') throw new Error(plan);
      expect(planFaults(plan)).toEqual([]);
      return plan;
    };

    it('writes down what is there, cuts it off at once, and restarts it only where that fails', () => {
      const { steps } = cut();

      expect(steps.slice(0, 2).map(({ id, needs }) => [id, needs])).toEqual([
        ['remember-api-gke', []],
        ['isolate-api-gke', ['remember-api-gke']],
      ]);
      expect(steps.find(({ id }) => id === 'restart-api-gke')?.unless).toEqual(['isolate-api-gke']);
      expect(steps.find(({ id }) => id === 'restart-api-run')?.unless).toBeUndefined();
    });

    it('disables the old key after the others are restarted, and leaves nothing out for who is cut off', () => {
      const { steps } = cut();
      const end = steps.find(({ id }) => id === `disable-${JWT}-1`);

      expect(end).toMatchObject({ needs: ['restart-api-run'], after: ['isolate-api-gke', 'restart-api-gke'] });
      expect(end?.input['readers']).toContainEqual(
        expect.objectContaining({ application: 'api-gke', cutOff: 'isolate-api-gke' }),
      );
      expect(steps.find(({ id }) => id === 'end-sessions')).toMatchObject({
        needs: ['restart-api-run'],
        after: ['isolate-api-gke', 'restart-api-gke'],
      });
    });

    it('cuts off nobody whom nobody could let be reached again, or whose way is not known', () => {
      const { 'lift-isolation': _, ...perRunbook } = SYSTEM.approvals.perRunbook;
      const without = { ...SYSTEM, approvals: { ...SYSTEM.approvals, perRunbook } };
      for (const plan of [cut(OPEN, without), cut('forbidden')]) {
        expect(plan.steps.some(({ action }) => action === 'isolate-application')).toBe(false);
        expect(plan.warnings).toContainEqual(expect.objectContaining({ code: 'notIsolated' }));
        expect(plan.steps.find(({ id }) => id === 'restart-api-gke')?.unless).toBeUndefined();
      }
    });
  });

  describe('with the password of a database', () => {
    const all = { [JWT]: enabled('1'), [URL]: enabled('7'), [EAST]: enabled('3') };
    const of = (steps: readonly PlannedStep[], id: string): readonly string[] => {
      const step = steps.find((known) => known.id === id);
      return step === undefined ? [] : before(step, steps);
    };

    it('stores it everywhere before it is set, and only if the primary has answered', () => {
      const steps = stepsOf(all);

      expect(of(steps, `store-${URL}`)).toEqual(expect.arrayContaining([`confirm-${URL}`, `rotate-${JWT}`]));
      expect(of(steps, `set-${URL}`)).toEqual(expect.arrayContaining([`store-${URL}`, `store-${EAST}`]));
      expect(of(steps, `store-${EAST}`)).toContain(`store-${URL}`);
      expect(steps.find(({ id }) => id === `set-${URL}`)).toMatchObject({
        risk: 'destructive',
        repeat: 'terminal',
        input: { instance: 'coditect-dms-db', user: 'dms', before: '7' },
      });
    });

    it('restarts its readers once it is settled, and disables what was only if it is set', () => {
      const steps = stepsOf(all);

      for (const reader of ['api-gke', 'api-run', 'api-east'])
        expect(of(steps, `restart-${reader}`)).toEqual(
          expect.arrayContaining([`set-${URL}`, `put-back-${URL}`, `put-back-${EAST}`, 'seal-evidence']),
        );
      const ends = steps.filter(({ action }) => action === 'disable-secret-version');
      expect(ends.map(({ id, needs }) => [id, needs])).toEqual(
        expect.arrayContaining([
          [`disable-${URL}-7`, [`set-${URL}`, 'restart-api-gke', 'restart-api-run']],
          [`disable-${EAST}-3`, [`set-${URL}`, 'restart-api-east']],
        ]),
      );
    });

    it('keeps no stolen key alive: all that is about it may fail', () => {
      const steps = stepsOf(all);
      const about = steps.filter(({ id }) => id.includes('database-url') || id.includes('api-east'));

      expect(about.filter(({ optional }) => !optional)).toEqual([]);
      expect(steps.find(({ id }) => id === 'restart-api-gke')).toMatchObject({
        needs: [`rotate-${JWT}`],
        optional: false,
        input: { instead: [{ secret: JWT, version: '1' }] },
      });
      expect(of(steps, `store-${URL}`)).toContain(`rotate-${JWT}`);
    });

    it('changes it in no secret where one of its secrets can’t be read, and names them', () => {
      const { [EAST]: _, ...rest } = all;
      const plan = drawn(rest);

      expect(plan).toMatchObject({
        failback: expect.stringContaining(`could not be read: ${PAYMENT}, ${URL}, ${EAST}`),
      });
      expect(stepsOf(rest).some(({ id }) => id.includes('database-url'))).toBe(false);
    });

    it('holds the database, so that no failover promotes a password that is half way', () => {
      expect(drawn(all)).toMatchObject({ holds: expect.arrayContaining(['database/coditect-dms-db']) });
      expect(drawn(all)).toMatchObject({ failback: expect.stringContaining('pg_terminate_backend') });
    });

    it('clones for forensics once it is settled: a clone keeps its source busy for minutes', () => {
      expect(stepsOf(all).find(({ id }) => id === 'clone-coditect-dms-db')?.after).toEqual([
        `set-${URL}`,
        `put-back-${URL}`,
        `put-back-${EAST}`,
      ]);
    });
  });

  it('waits for no issuer with what is replaced here', () => {
    const steps = stepsOf({ [JWT]: enabled('1'), [PAYMENT]: enabled('4') });
    const waits = steps.filter((step) => before(step, steps).includes(`ask-${PAYMENT}`)).map(({ id }) => id);

    expect(waits.every((id) => id.includes(PAYMENT))).toBe(true);
  });

  it('disables every version that was enabled, older ones too', () => {
    const steps = stepsOf({ [JWT]: [...enabled('3'), { version: '2', enabled: false }, ...enabled('1')] });

    expect(
      steps.filter(({ action }) => action === 'disable-secret-version').map(({ input }) => input['version']),
    ).toEqual(['3', '1']);
  });

  it('ends sessions after the restarts, so that whoever signs in does so by the new key', () => {
    const steps = stepsOf({ [JWT]: enabled('1'), [PAYMENT]: enabled('4') });
    const end = steps.find(({ id }) => id === 'end-sessions');

    expect(end).toMatchObject({ action: 'end-sessions', risk: 'destructive', optional: true });
    expect(end === undefined ? [] : before(end, steps)).toEqual(
      expect.arrayContaining(['restart-api-gke', 'restart-api-run']),
    );
    expect(end === undefined ? [] : before(end, steps)).not.toContain(`ask-${PAYMENT}`);
  });

  it('leaves out a secret that can’t be read, and says so', () => {
    const plan = drawn({ [JWT]: enabled('1') });

    expect(plan).toMatchObject({ failback: expect.stringContaining(`could not be read: ${PAYMENT}`) });
    expect(stepsOf({ [JWT]: enabled('1') }).some(({ id }) => id.includes(PAYMENT))).toBe(false);
  });

  it('is none when nothing can be replaced', () => {
    expect(drawn({})).toBe(`the versions of ${JWT}, ${PAYMENT}, ${URL}, ${EAST} can’t be read`);
    expect(drawn({ [JWT]: enabled('1') }, { ...SYSTEM, rotation: [] })).toContain('dr.yaml names no secret');
  });

  it('says what it does not do', () => {
    expect(drawn({ [JWT]: enabled('1') })).toMatchObject({
      failback: expect.stringMatching(/Not done by this plan: isolating anything, the database’s password/),
    });
  });

  it('always disables only after all readers, whatever versions there are', () => {
    const versions = fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(versions, versions, (jwt, payment) => {
        const steps = stepsOf({ [JWT]: enabled(...jwt.map(String)), [PAYMENT]: enabled(...payment.map(String)) });
        for (const step of steps.filter(({ action }) => action === 'disable-secret-version')) {
          const restarts = before(step, steps).filter((id) => id.startsWith('restart-'));
          expect(restarts.some((id) => id.startsWith('restart-api-gke'))).toBe(true);
          expect(restarts.some((id) => id.startsWith('restart-api-run'))).toBe(true);
        }
      }),
    );
  });
});
