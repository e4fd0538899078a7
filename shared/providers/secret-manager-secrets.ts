import type { SecretManagerServiceClient } from '@google-cloud/secret-manager';
import { z } from 'zod';
import { SecretText } from '../core/redact.ts';
import { instant } from '../core/time.ts';
import { PortError } from '../ports/port-error.ts';
import type { Secrets, SecretVersionStatus } from '../ports/secrets.ts';
import { crc32c } from './crc32c.ts';
import { callGoogle, lazyClient } from './google-call.ts';
import type { CallOptions, GoogleAccess } from './google-call.ts';
import type { Effect } from './normalize-error.ts';

// Secret Manager through `@google-cloud/secret-manager`, v1, REST (facts.md 7). Checksums both ways: a database URL
// that was damaged on its way would take every consumer down at its next start.

/** Google's limit for a payload. */
const PAYLOAD_BYTES_MAX = 65_536;

const versionName = z.string().regex(/\/versions\/\d+$/);
const versionWire = z.object({ name: versionName, state: z.string() });
const payloadWire = z.object({
  payload: z.object({ data: z.instanceof(Uint8Array).or(z.string()), dataCrc32c: z.coerce.number() }),
});
const addedWire = z.object({ name: versionName, clientSpecifiedPayloadChecksum: z.boolean() });

const STATES = { ENABLED: 'enabled', DISABLED: 'disabled', DESTROYED: 'destroyed' } as const;

/** Versions of one secret that are looked at; older ones are not in anybody's plan. */
const VERSIONS_MAX = 100;

const listedWire = z.object({
  name: versionName,
  state: z.enum(['ENABLED', 'DISABLED', 'DESTROYED']),
  createTime: z.object({ seconds: z.coerce.number(), nanos: z.number().nullish() }),
  etag: z.string().min(1),
});

/** A version as the client lists it. Throws `z.ZodError` on anything else. */
function statusOf(answer: unknown): SecretVersionStatus {
  const { name, state, createTime, etag } = listedWire.parse(answer);
  return {
    version: numberOf(name),
    state: STATES[state],
    createdAt: instant(createTime.seconds * 1_000 + Math.floor((createTime.nanos ?? 0) / 1_000_000)),
    etag,
  };
}

/** The secrets of one project. */
export function createSecretManagerSecrets(access: GoogleAccess): Secrets {
  const client = lazyClient(access, 'secretmanager', async (options) => {
    const { SecretManagerServiceClient } = await import('./secret-manager-client.ts');
    return new SecretManagerServiceClient(options);
  });
  const call = <T>(
    doing: string,
    effect: Effect,
    send: (ready: SecretManagerServiceClient, options: CallOptions) => Promise<T>,
  ): Promise<T> => callGoogle(access, { doing, effect }, client, send);
  const nameOf = (secret: string): string => `projects/${access.project}/secrets/${secret}`;

  return {
    latest: (secret) =>
      call(`looking up the newest version of ${secret}`, 'reads', async (ready, options) => {
        const [answer] = await ready.getSecretVersion({ name: `${nameOf(secret)}/versions/latest` }, options);
        const { name, state } = versionWire.parse(answer);
        return { version: numberOf(name), enabled: state === 'ENABLED' };
      }),
    versions: (secret) =>
      call(`listing the versions of ${secret}`, 'reads', async (ready, options) => {
        const request = { parent: nameOf(secret), pageSize: VERSIONS_MAX };
        const [answer] = await ready.listSecretVersions(request, { ...options, autoPaginate: false });
        return answer.map(statusOf).toSorted((a, b) => Number(b.version) - Number(a.version));
      }),
    disable: (secret, version, etag) =>
      call(`disabling version ${version} of ${secret}`, 'writesIfUnchanged', async (ready, options) => {
        const [answer] = await ready.disableSecretVersion(
          { name: `${nameOf(secret)}/versions/${version}`, etag },
          options,
        );
        versionWire.parse(answer);
      }),
    read: (secret, version) => {
      const doing = `reading version ${version} of ${secret}`;
      return call(doing, 'reads', async (ready, options) => {
        const [answer] = await ready.accessSecretVersion({ name: `${nameOf(secret)}/versions/${version}` }, options);
        const { data, dataCrc32c } = payloadWire.parse(answer).payload;
        const bytes = typeof data === 'string' ? Buffer.from(data, 'base64') : data;
        if (crc32c(bytes) !== dataCrc32c) throw new PortError('retryable', 'checksum', doing);
        return new SecretText(Buffer.from(bytes).toString('utf8'));
      });
    },
    add: (secret, payload) => {
      const doing = `adding a version of ${secret}`;
      const data = Buffer.from(payload.reveal(), 'utf8');
      if (data.length > PAYLOAD_BYTES_MAX) return Promise.reject(new PortError('permanent', 'tooLarge', doing));
      return call(doing, 'writes', async (ready, options) => {
        const [answer] = await ready.addSecretVersion(
          { parent: nameOf(secret), payload: { data, dataCrc32c: crc32c(data) } },
          options,
        );
        const { name, clientSpecifiedPayloadChecksum } = addedWire.parse(answer);
        // The version is there, but nobody has compared what arrived with what we sent.
        if (!clientSpecifiedPayloadChecksum) throw new PortError('ambiguous', 'uncheckedPayload', doing);
        return numberOf(name);
      });
    },
  };
}

const numberOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);
