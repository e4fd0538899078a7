import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseDocument, stringify } from 'yaml';
import { minutes } from '../../shared/core/time.ts';
import type { ConfigPath } from '../../shared/system/config-fault.ts';
import { showPath, showValue } from '../../shared/system/config-fault.ts';
import { compactOf } from '../../shared/system/read-yaml.ts';
import { showFaults } from '../../shared/system/show-faults.ts';
import { anyCharacter } from '../core/any-character.ts';
import type { Change } from './reference.ts';
import { changed, faultsOf, parsed, problemsOf, REFERENCE, reference } from './reference.ts';

describe('the reference configuration', () => {
  it('is sound', () => {
    expect(faultsOf(REFERENCE)).toEqual([]);
  });

  it('says who may decide on a failover, and for how long', () => {
    const { identity, perRunbook } = reference().approvals;

    expect(identity).toBe('link');
    expect(perRunbook['database-failover']).toEqual({
      approvers: ['oncall', 'eng-lead', 'cto'],
      quorum: 1,
      expiresIn: minutes(15),
      startWithin: minutes(10),
    });
  });

  it('lets a link decide on a breach only where every address is this machine’s own', () => {
    const local: Change = [['endpoints'], { google: { run: 'http://127.0.0.1:1' }, approve: ['http://localhost:2'] }];
    const far: Change = [['endpoints', 'hosts'], { 'dms-api.coditect.ai': 'https://elsewhere.example.com' }];
    const decides = (...changes: readonly Change[]): boolean =>
      parsed(changed(...changes)).approvals.perRunbook['breach-response'] !== undefined;

    expect(decides()).toBe(false);
    expect(decides(local)).toBe(true);
    expect(decides(local, far)).toBe(false);
    expect(decides([['approvals', 'identity'], 'oidc'], [['notifications', 0, 'person'], undefined])).toBe(true);
  });

  it('writes out exactly the default guards', () => {
    expect(parsed(changed([['guards'], undefined])).guards).toEqual(reference().guards);
  });

  it('reads budgets and the mass failure limit as numbers', () => {
    const { budgets, massFailure } = reference().guards;

    expect(budgets[1]).toEqual({ runs: 7, window: minutes(24 * 60) });
    expect(massFailure).toEqual({ targets: 5, window: minutes(2) });
  });
});

describe('a configuration with faults', () => {
  it('names an unknown key with its line, its column and the key that it is nearest to', () => {
    const text = REFERENCE.replace('  holdTime: 2m', '  hold_tme: 2m');
    const line = text.split('\n').indexOf('  hold_tme: 2m') + 1;

    expect(faultsOf(text)).toMatchObject([
      { line, column: 3, path: 'guards.hold_tme', value: '"hold_tme"', wanted: expect.stringMatching(/^holdTime /) },
    ]);
  });

  it('points at a missing key where it belongs', () => {
    const text = REFERENCE.replace('  rto: 1h\n', '');
    const line = text.split('\n').indexOf('objectives:') + 1;

    expect(faultsOf(text)).toMatchObject([{ line, column: 1, path: 'objectives.rto', problem: 'is missing' }]);
  });

  it('wants a unit for a bare number of seconds', () => {
    expect(faultsOf(changed([['guards', 'lease'], 60]))).toMatchObject([
      { path: 'guards.lease', value: '60', wanted: expect.stringContaining('90s') },
    ]);
  });

  it('reports all faults at once, contradictions among them', () => {
    const text = changed(
      [['version'], 2],
      [['approvals', 'database-failover', 'quorum'], 4],
      [['people', 3, 'email'], 7],
    );

    expect(faultsOf(text).map(({ path }) => path)).toEqual([
      'version',
      'people[3].email',
      'approvals.database-failover.quorum',
      'approvals.database-failover.quorum',
    ]);
  });

  it('does not judge by the default of a key that was misspelt', () => {
    const text = REFERENCE.replace('lease: 60s', 'leese: 31s').replace('lateArrival: 5m', 'lateArrival: 40s');

    expect(faultsOf(text).map(({ path }) => path)).toEqual(['guards.leese']);
  });

  it('reports a key that stands there twice, and goes on reading', () => {
    const text = `${REFERENCE}\nversion: 1\nmode: {default: never}\n`;

    expect(problemsOf(text)).toEqual([
      ': is not YAML: Map keys must be unique',
      ': is not YAML: Map keys must be unique',
      'mode.default: is none of the words that are known here',
    ]);
  });

  it('reports every place where the text is not YAML', () => {
    const faults = faultsOf('system:\n\tname: x\nobjectives: [1h\nmode: }\n');

    expect(faults.length).toBeGreaterThan(1);
    expect(faults[0]).toMatchObject({ line: 2, wanted: 'spaces before the first word of a line' });
  });

  it('points at a line that has something on it, when the end is missing', () => {
    expect(faultsOf('system: {name: x\n\n\n')[0]).toMatchObject({ line: 1 });
  });

  it('does not mistake one entry of a list for another that could not be read', () => {
    const receiver = 'https://pager.dms.internal/dr/oncall';
    const text = changed([['notifications', 0], 7], [['notifications', 3, 'url'], receiver]);

    expect(faultsOf(text).map(({ path }) => path)).toEqual(['notifications[0]']);
  });

  it.each([
    ['an empty file', '', ''],
    ['a list', '- a', ''],
    ['an alias', 'a: &x 1\nb: *x', ''],
    ['a tag', 'version: !secret 1', ''],
    ['two documents', 'version: 1\n---\nversion: 1', ''],
    ['more than it would ever need', `# ${'x'.repeat(262_144)}`, ''],
    ['thousands of brackets', '['.repeat(20_000), ''],
    ['thousands of dashes', '- '.repeat(20_000), ''],
    ['a deep place', `a: ${'['.repeat(40)}${']'.repeat(40)}`, ''],
  ])('refuses %s', (_, text, path) => {
    expect(faultsOf(text)).toContainEqual(expect.objectContaining({ path }));
  });

  it.each<readonly [string, Change]>([
    ['a password as a key', [['databases', 0, 'password'], 'correct horse battery']],
    ['a password in an address', [['endpoints'], { google: { run: 'https://dr:horse-battery@x.example.com' } }]],
    ['a token in the query of an address', [['notifications', 1, 'url'], 'https://x.example.com/?key=horse-battery']],
    ['a bearer token in a text', [['system', 'name'], 'Bearer horse-battery-staple']],
    [
      'an address that is itself a secret',
      [['notifications', 1, 'url'], 'https://hooks.slack.com/services/horse-battery'],
    ],
  ])('refuses %s, and shows it nowhere', (_, change) => {
    const text = changed(change);
    const faults = faultsOf(text);

    expect(faults).toEqual([expect.objectContaining({ value: '[withheld]' })]);
    expect(JSON.stringify(faults) + showFaults('dr.yaml', text, faults)).not.toContain('horse');
  });
});

describe('the configuration as a function carries it', () => {
  it('is the same system', () => {
    expect(parsed(compactOf(REFERENCE))).toEqual(reference());
  });

  it('is judged as strictly', () => {
    const places = everyPlace().filter((_, index) => index % 7 === 0);
    const judged = (text: string) => faultsOf(text).map(({ path, problem, wanted }) => ({ path, problem, wanted }));
    for (const path of places) {
      const text = changed([path, [[1]]]);
      const faults = judged(text);
      expect(faults).not.toEqual([]);
      const compact = compactOf(text);
      expect(compact).toBe(compactWith(path, [[1]]));
      expect(judged(compact)).toEqual(expect.arrayContaining(faults));
    }
    expect(faultsOf('{"version":1,"version":2}').map(({ problem }) => problem)).toContain(
      'is not YAML: Map keys must be unique',
    );
  });

  it('can’t be written from what is no YAML', () => {
    expect(() => compactOf('a: }')).toThrow(/is not YAML/);
  });
});

describe('a file that is no YAML', () => {
  it.each([
    ['a password', 'a: {dbPass: "horse-battery'],
    ['an address with a password', 'a: }https://dr:horse-battery@x.example.com'],
    ['a password without a key', 'a: 1\npassword=horse-battery'],
    ['a text that the parser quotes', 'a: "b" horse-battery\n  c: d'],
  ])('is refused without showing %s that stands in it', (_, text) => {
    const faults = faultsOf(text);

    expect(faults.length).toBeGreaterThan(0);
    expect(JSON.stringify(faults)).not.toContain('horse');
  });

  it.each([
    ['a password', 'a: {dbPass: "horse-battery'],
    ['an address with a password', 'a: }https://dr:horse-battery@x.example.com'],
    ['a password without a key', 'a: 1\npassword=horse-battery'],
  ])('is shown without %s that stands in it', (_, text) => {
    expect(showFaults('dr.yaml', text, faultsOf(text))).not.toContain('horse');
  });
});

describe('a quoted value', () => {
  it('ends before the query of an address, in which secrets travel', () => {
    const text = changed([['notifications', 1, 'url'], 'ftp://x.example.com/hook?sig=horse-battery']);
    const faults = faultsOf(text);

    expect(faults).toMatchObject([{ value: '"ftp://x.example.com/hook…"' }]);
    expect(showFaults('dr.yaml', text, faults)).not.toContain('horse');
  });

  it('is withheld anywhere below a key that is named like a secret', () => {
    expect(showValue('horse', ['people', 0, 'password', 0])).toBe('[withheld]');
  });

  it('is short', () => {
    expect(showValue('x'.repeat(1_000), ['system', 'name']).length).toBeLessThan(50);
    expect(showValue(['wait', 'promote'], ['remedies'])).toBe('["wait", "promote"]');
    expect(showValue(['x'.repeat(1_000)], ['remedies'])).toBe('a list of 1');
  });
});

describe('whatever the text', () => {
  it('never throws, and reports only lines that the file has', () => {
    const texts = fc.oneof(fc.string({ unit: anyCharacter }), fc.json(), strangeFiles().map(write), cutReferences());
    fc.assert(fc.property(texts, hasOnlyTrueLines), { numRuns: 400 });
  });

  it('shows no value under a key that is named like a secret', () => {
    const secret = fc.stringMatching(/^[a-zA-Z0-9 ]{8,24}z9z$/);
    const key = fc.constantFrom('password', 'dbPassword', 'api_key', 'client-secret', 'accessToken');
    fc.assert(
      fc.property(fc.constantFrom(...maps()), key, secret, (path, name, value) => {
        const text = changed([[...path, name], value]);
        const faults = faultsOf(text);
        expect(faults).toContainEqual(expect.objectContaining({ path: showPath([...path, name]) }));
        expect(JSON.stringify(faults) + showFaults('dr.yaml', text, faults)).not.toContain(value);
      }),
    );
  });

  it.each(everyPlace().map((path) => [showPath(path), path] as const))(
    'blames nothing but %s when that alone can not be read',
    (place, path) => {
      // As a function carries it, which is read ten times as fast, and no less strictly.
      const faults = faultsOf(compactWith(path, [[1]]));

      expect(faults.length).toBeGreaterThan(0);
      expect(faults.map((fault) => fault.path).filter((fault) => !fault.startsWith(place))).toEqual([]);
    },
  );
});

function hasOnlyTrueLines(text: string): void {
  const lines = text.split('\n');
  for (const { line, column, value } of faultsOf(text)) {
    expect(lines[line - 1]).toBeDefined();
    expect(column).toBeGreaterThan(0);
    expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
    expect(value.length).toBeLessThan(100);
  }
}

/** Files made of our own keys with values that nobody foresaw. */
function strangeFiles(): fc.Arbitrary<unknown> {
  const keys = fc.constantFrom(...everyPlace().flatMap((path) => path.filter((step) => typeof step === 'string')));
  const leaf = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constantFrom('1h', '3/1h', 'link', null, true, 'coditect-dms-db'),
  );
  return fc.letrec((tie) => ({
    node: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('node'), { maxLength: 4 }), fc.dictionary(keys, tie('node'))),
  })).node;
}

function write(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false }) ?? '';
}

/** The reference with a piece cut out and something else put there. */
function cutReferences(): fc.Arbitrary<string> {
  const position = fc.nat(REFERENCE.length);
  return fc
    .tuple(position, fc.nat(200), fc.string({ maxLength: 20 }))
    .map(([from, length, put]) => REFERENCE.slice(0, from) + put + REFERENCE.slice(from + length));
}

/** The reference as a function carries it, with one place changed. */
function compactWith(path: ConfigPath, value: unknown): string {
  const put = (from: unknown, [step, ...rest]: ConfigPath): unknown => {
    if (step === undefined) return value;
    if (Array.isArray(from)) return from.map((one: unknown, index) => (index === step ? put(one, rest) : one));
    return Object.fromEntries(
      Object.entries(from ?? {}).map(([key, one]) => [key, key === step ? put(one, rest) : one]),
    );
  };
  return JSON.stringify(put(plainReference, path));
}

const plainReference: unknown = parseDocument(REFERENCE).toJS();

/** Every place of the reference that has a value. */
function everyPlace(): readonly ConfigPath[] {
  const places: ConfigPath[] = [];
  const collect = (value: unknown, path: ConfigPath): void => {
    if (path.length > 0) places.push(path);
    if (typeof value !== 'object' || value === null) return;
    const isList = Array.isArray(value);
    for (const [key, child] of Object.entries(value)) collect(child, [...path, isList ? Number(key) : key]);
  };
  collect(parseDocument(REFERENCE).toJS(), []);
  return places;
}

/** Every map of the reference. */
function maps(): readonly ConfigPath[] {
  const document = parseDocument(REFERENCE);
  return [[], ...everyPlace()].filter((path) => {
    const value: unknown = document.getIn(path);
    return typeof value === 'object' && value !== null && 'items' in value && !Array.isArray(parsePlain(value));
  });
}

function parsePlain(value: object): unknown {
  return 'toJSON' in value && typeof value.toJSON === 'function' ? value.toJSON() : value;
}
