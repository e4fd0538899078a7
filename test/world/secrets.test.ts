import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { crc32c } from '../../sandbox/world/crc32c.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import { REFERENCE_PROJECT } from '../../sandbox/world/project.ts';
import { createSecretsApi } from '../../sandbox/world/secrets-api.ts';
import { createSecrets, type SecretVersionState } from '../../sandbox/world/secrets.ts';
import { instant } from '../../shared/core/time.ts';

const START = instant(1_767_607_200_000);
const url = 'coditect-dms-database-url';
const bytes = (text: string): Uint8Array => Buffer.from(text);

function secretsWith(...payloads: readonly string[]) {
  const clock = createVirtualClock(START);
  const secrets = createSecrets({ clock, project: REFERENCE_PROJECT });
  secrets.create(url);
  for (const payload of payloads) secrets.addVersion(url, bytes(payload));
  return secrets;
}

const refusal = (reason: string, status = 400) => expect.objectContaining({ status, reason });

describe('a secret', () => {
  it('gives a workload that starts now the newest version', () => {
    const secrets = secretsWith('old address', 'new address');

    expect(secrets.readSecret(url)).toBe('new address');
    expect(secrets.access(url, '1').data).toEqual(Uint8Array.from(bytes('old address')));
  });

  it('gives nothing by `latest` while the newest version is disabled, though an older one is enabled', () => {
    const secrets = secretsWith('old address', 'new address');

    secrets.setState(url, '2', 'DISABLED');

    expect(secrets.readSecret(url)).toBeUndefined();
    expect(() => secrets.access(url, 'latest')).toThrow(refusal('failedPrecondition'));
  });

  it('has nothing for a workload when it is unknown or has no version', () => {
    expect(secretsWith().readSecret(url)).toBeUndefined();
    expect(secretsWith().readSecret('nobody-made-this')).toBeUndefined();
    expect(() => secretsWith().access(url, 'latest')).toThrow(refusal('notFound', 404));
  });

  it('keeps the checksum that gcloud computes, and refuses a payload that it does not fit', () => {
    const secrets = secretsWith();

    expect(crc32c(bytes('abc123'))).toBe(26_154_185); // what gcloud 528 sends for `abc123`
    expect(secrets.addVersion(url, bytes('abc123'), 26_154_185).checksumGiven).toBe(true);
    expect(() => secrets.addVersion(url, bytes('abc123'), 0)).toThrow(refusal('badRequest'));
    expect(secrets.versions(url)).toHaveLength(1);
  });

  it('refuses an empty payload and one past 64 KiB', () => {
    expect(() => secretsWith('')).toThrow(refusal('badRequest'));
    expect(() => secretsWith('x'.repeat(65_537))).toThrow(refusal('badRequest'));
    expect(secretsWith('x'.repeat(65_536)).versions(url)).toHaveLength(1);
  });

  it('refuses a change that was decided on an older state of the version', () => {
    const secrets = secretsWith('one');
    const { etag } = secrets.version(url, '1');

    secrets.setState(url, '1', 'ENABLED', etag); // changes nothing, and yet gives a new etag

    expect(() => secrets.setState(url, '1', 'DISABLED', etag)).toThrow(refusal('failedPrecondition'));
    expect(secrets.version(url, '1').state).toBe('ENABLED');
  });

  it('never comes back from destroyed, whatever is asked of it', () => {
    const state = fc.constantFrom<SecretVersionState>('ENABLED', 'DISABLED', 'DESTROYED');
    fc.assert(
      fc.property(fc.array(state), (asked) => {
        const secrets = secretsWith('one');
        secrets.setState(url, '1', 'DESTROYED');
        for (const wanted of asked)
          expect(() => secrets.setState(url, '1', wanted)).toThrow(refusal('failedPrecondition'));
        expect(secrets.version(url, '1')).toMatchObject({ state: 'DESTROYED', destroyedAt: START });
        expect(() => secrets.access(url, '1')).toThrow(refusal('failedPrecondition'));
      }),
    );
  });

  it('is read and written only by who has Google’s permission for it, and the audit says so', () => {
    const clock = createVirtualClock(START);
    const kernel = createKernel({ clock, seed: 1 });
    const secrets = createSecrets({ clock, project: REFERENCE_PROJECT });
    secrets.create(url);
    const api = createSecretsApi(kernel.door, secrets);
    const heal = { principal: 'dr-heal@coditect-prod.iam.gserviceaccount.com', from: 'functions' };
    const recover = { principal: 'dr-recover@coditect-prod.iam.gserviceaccount.com', from: 'functions' };
    kernel.iam.grant(recover.principal, ['secretmanager.versions.add']);

    expect(api.addVersion(heal, url, bytes('x'))).toMatchObject({ kind: 'error', error: { status: 403 } });
    expect(api.addVersion(recover, url, bytes('x'))).toMatchObject({ kind: 'answer', value: { number: 1 } });
    expect(api.access(recover, url, 'latest')).toMatchObject({ kind: 'error', error: { status: 403 } });
    expect(kernel.audit.effects('secretmanager.versions.add').map(({ call }) => call.resource)).toEqual([
      `secrets/${url}:addVersion`,
    ]);
  });
});
