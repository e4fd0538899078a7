import { describe, expect, it } from '@jest/globals';
import { checkQuotas } from '../../shared/adoption/check-quotas.ts';
import type { Facts } from '../../shared/adoption/facts.ts';
import type { Reading } from '../../shared/adoption/finding.ts';
import type { InstanceStatus } from '../../shared/ports/databases.ts';
import { reference } from '../system/reference.ts';

const system = reference();

const read = <T>(value: T): Reading<T> => ({ kind: 'read', value });

/** What is said with so many instances there, and with such quotas of Cloud Run. */
function said({
  instances = 3,
  limits = read([{ region: undefined, milli: 200_000 }]),
  each = 1_000,
}: {
  readonly instances?: number;
  readonly limits?: Facts['runLimits'];
  readonly each?: number;
}) {
  const applications = system.applications.filter(({ kind }) => kind === 'cloudRun');
  // Of instances nothing but their number is read.
  const fleet = Array.from({ length: instances }, () => ({}) as InstanceStatus);
  return checkQuotas(system, {
    fleet: read(fleet),
    runLimits: limits,
    runProcessors: Object.fromEntries(applications.map(({ id }) => [id, read(each)])),
  });
}

describe('what recoveries take of quotas', () => {
  it('is counted by the clones and copies that the file names, and a replica in the place of the promoted one', () => {
    expect(said({})[0]).toEqual({
      check: 'quota of Cloud SQL',
      verdict: 'fine',
      says: expect.stringMatching(/^3 instances, and recoveries make up to [4-9] more: within the 100/),
    });
  });

  it('is not judged where Google does not say how many instances the project may have', () => {
    expect(said({ instances: 99 })[0]).toMatchObject({
      verdict: 'unknown',
      says: expect.stringContaining('no API says how many this one may'),
    });
  });

  it('is judged by the region’s own limit before that of every other', () => {
    const limits = read([
      { region: undefined, milli: 200_000 },
      { region: 'us-east1', milli: 16_000 },
    ]);
    const found = said({ limits, each: 2_000 });
    expect(found.map(({ check, verdict }) => [check, verdict])).toEqual([
      ['quota of Cloud SQL', 'fine'],
      ['quota of Cloud Run in us-central1', 'fine'],
      ['quota of Cloud Run in us-east1', 'wrong'],
    ]);
    expect(found[2]?.says).toContain('to 20 processors, of 16 that the region gives');
  });

  it('is unknown where nobody may ask, and fine where there is no limit', () => {
    expect(said({ limits: { kind: 'unread', because: 'forbidden' } })[1]).toMatchObject({
      verdict: 'unknown',
      mend: expect.stringContaining('serviceusage.quotas.get'),
    });
    expect(said({ limits: read([{ region: undefined, milli: undefined }]) })[1]).toMatchObject({ verdict: 'fine' });
    expect(said({ limits: read([]) })[1]).toMatchObject({ verdict: 'unknown' });
  });
});
