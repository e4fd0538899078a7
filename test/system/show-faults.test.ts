import { describe, expect, it } from '@jest/globals';
import { faultsAsJson, showFaults } from '../../shared/system/show-faults.ts';
import { faultsOf, REFERENCE } from './reference.ts';

describe('faults, as people read them', () => {
  it('show the line, a caret under the place, the value and what would be right', () => {
    const text = REFERENCE.replace('    quorum: 1', '    quorum: 5').replace(
      '    lossBudget: 15m',
      '    losBudget: 15m',
    );
    const [quorum, twice] = [lineOf(text, '    quorum: 5'), lineOf(text, '    losBudget: 15m')];

    expect(showFaults('dr.yaml', text, faultsOf(text))).toBe(
      [
        `dr.yaml:${quorum}:13: approvals.database-failover.quorum needs 5 approvals from 3 approvers, which never comes (5)`,
        `  ${quorum} |     quorum: 5`,
        `     |             ^`,
        '  wanted: 1 to 3',
        '',
        `dr.yaml:${quorum}:13: approvals.database-failover.quorum counts distinct people, and with \`identity: link\` nobody knows who opened a link (5)`,
        `  ${quorum} |     quorum: 5`,
        `     |             ^`,
        '  wanted: 1, or identity iap or oidc',
        '',
        `dr.yaml:${twice - 10}:5: databases[0].lossBudget is missing`,
        `  ${twice - 10} |   - instance: coditect-dms-db`,
        `  ${' '.repeat(String(twice - 10).length)} |     ^`,
        '  wanted: a length of time such as 90s, 15m, 4h or 1d',
        '',
        `dr.yaml:${twice}:5: databases[0].losBudget is no key that is known here ("losBudget")`,
        `  ${twice} |     losBudget: 15m`,
        `  ${' '.repeat(String(twice).length)} |     ^`,
        '  wanted: lossBudget (known here: instance, region, replicas, spares, lossBudget, rows, restore, recovery, remedies)',
        '',
        'dr.yaml: 4 faults',
        '',
      ].join('\n'),
    );
  });

  it('keep the caret under its place in a very long line', () => {
    const text = `system: {name: "${'x'.repeat(150)}", projekt: p}`;
    const excerpt = showFaults(
      'f',
      text,
      faultsOf(text).filter(({ path }) => path === 'system.projekt'),
    ).split('\n');

    expect(excerpt[1]?.slice(excerpt[2]?.indexOf('^'))).toBe('projekt: p}');
  });

  it('are one object for programs', () => {
    const faults = faultsOf('version: 2');

    expect(faultsAsJson('dr.yaml', faults)).toMatchObject({
      ok: false,
      file: 'dr.yaml',
      faults: expect.arrayContaining([
        { line: 1, column: 10, path: 'version', value: '2', problem: expect.any(String), wanted: 'version: 1' },
      ]),
    });
  });
});

function lineOf(text: string, line: string): number {
  return text.split('\n').indexOf(line) + 1;
}
