import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { z } from 'zod';
import { describedFor, SPOKEN, spokenServicesOnly } from '../../scripts/bundle-descriptions.ts';
import { withoutMessageClasses, withoutPreviews } from '../../scripts/bundle-plugins.ts';

const described = (file: string): unknown => JSON.parse(readFileSync(`node_modules/${file}`, 'utf8'));

/** What stands at a dotted name. */
function at(description: unknown, name: string): unknown {
  const place = z.looseObject({ nested: z.record(z.string(), z.unknown()) });
  return name.split('.').reduce((within, key) => place.safeParse(within).data?.nested[key], description);
}

const method = (requestType: string, options?: Record<string, unknown>) => ({
  requestType,
  responseType: 'google.longrunning.Operation',
  ...(options === undefined ? {} : { options }),
});

const message = (fields: Record<string, string> = {}, nested?: Record<string, unknown>) => ({
  fields: Object.fromEntries(Object.entries(fields).map(([name, type], index) => [name, { type, id: index + 1 }])),
  ...(nested === undefined ? {} : { nested }),
});

/** Two services of one API, of which one starts operations. */
const API = {
  nested: {
    google: {
      nested: {
        longrunning: { nested: { Operation: message({ name: 'string' }) } },
        shop: {
          nested: {
            Orders: {
              methods: {
                Place: method('PlaceRequest', {
                  '(google.longrunning.operation_info)': { response_type: 'Order', metadata_type: 'Progress' },
                }),
              },
            },
            Stock: { methods: { Count: method('CountRequest') } },
            PlaceRequest: message({ order: 'Order' }),
            CountRequest: message(),
            Order: message({ line: 'Line', state: 'State' }, { Line: message({ item: '.google.shop.Item' }) }),
            State: { values: { OPEN: 0 } },
            Item: message(),
            Progress: message({ percent: 'int32' }),
          },
        },
      },
    },
  },
};

/** Makes each client as our code does, and prints the names of those that came up. */
const MAKE_EACH = `
  const { OAuth2Client, v1, ...own } = require('./clients.cjs');
  const clients = { ...own, PublisherClient: v1.PublisherClient };
  const names = Object.keys(clients).filter((name) => name.endsWith('Client'));
  const authClient = new OAuth2Client();
  Promise.all(names.map((name) => new clients[name]({ fallback: true, projectId: 'p', authClient }).initialize())).then(
    () => console.log(names.join(' ')),
  );
`;

describe('the description of an API in a bundle', () => {
  it('has a service that is spoken, and all that its methods send, answer and start', () => {
    const own = describedFor(API, ['google.shop.Orders']);
    const { google } = z.object({ nested: z.object({ google: z.unknown() }) }).parse(own).nested;
    expect(
      Object.keys(
        z.object({ nested: z.record(z.string(), z.unknown()) }).parse(at({ nested: { google } }, 'google.shop')).nested,
      ),
    ).toEqual(['Orders', 'PlaceRequest', 'Order', 'State', 'Item', 'Progress']);
    for (const name of ['google.shop.Orders', 'google.shop.Order', 'google.longrunning.Operation'])
      expect(at(own, name)).toEqual(at(API, name));
  });

  it('can’t be made for a service that is not described, or of one with a type that is not', () => {
    expect(() => describedFor(API, ['google.shop.Returns'])).toThrow('google.shop.Returns is not described');
    const torn = { nested: { Orders: { methods: { Place: method('PlaceRequest') } } } };
    expect(() => describedFor(torn, ['Orders'])).toThrow('PlaceRequest, which Orders names, is not described');
  });

  it.each(Object.entries(SPOKEN))('of %s is complete, and smaller', (file, services) => {
    const whole = described(file);
    const own = describedFor(whole, services);
    expect(describedFor(own, services)).toEqual(own);
    for (const service of services) expect(at(own, service)).toEqual(at(whole, service));
    expect(JSON.stringify(own).length).toBeLessThan(JSON.stringify(whole).length / 2);
  });

  it('is enough for every client that speaks REST to be made and to know its requests', async () => {
    const files = ['container', 'monitoring', 'pubsub', 'run', 'secret-manager', 'sql'].map(
      (name) => `export * from './shared/providers/${name}-client.ts';`,
    );
    const { outputFiles } = await build({
      stdin: {
        contents: [...files, `export { OAuth2Client } from './shared/providers/auth-client.ts';`].join('\n'),
        resolveDir: '.',
      },
      plugins: [withoutMessageClasses, withoutPreviews, spokenServicesOnly],
      bundle: true,
      write: false,
      platform: 'node',
      format: 'cjs',
      logLevel: 'silent',
    });
    const directory = mkdtempSync(join(tmpdir(), 'dr-clients-'));
    try {
      writeFileSync(join(directory, 'clients.cjs'), outputFiles[0]?.text ?? '');
      const made = execFileSync(process.execPath, ['-e', MAKE_EACH], { cwd: directory, encoding: 'utf8' });
      expect(made.trim().split(' ').sort()).toEqual([
        'ClusterManagerClient',
        'MetricServiceClient',
        'PublisherClient',
        'SecretManagerServiceClient',
        'ServicesClient',
        'SqlBackupRunsServiceClient',
        'SqlDatabasesServiceClient',
        'SqlInstancesServiceClient',
        'SqlOperationsServiceClient',
        'SqlUsersServiceClient',
      ]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }, 60_000);
});
