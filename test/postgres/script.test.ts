import { describe, expect, it } from '@jest/globals';
import { readScript } from '../../sandbox/postgres/script.ts';

const steps = (text: string) => [...readScript(text)];

describe('a script of SQL', () => {
  it('is one statement after the other, whatever its quotes hold', () => {
    const script = `-- head; of it
\\restrict abc
select 'a;''b', E'it\\'s;', "c;d" /* e;f */ ;
do $x$ begin perform 1; end $x$;
select 2`;
    expect(steps(script).map(({ sql }) => sql.trim())).toEqual([
      `select 'a;''b', E'it\\'s;', "c;d" /* e;f */`,
      'do $x$ begin perform 1; end $x$',
      'select 2',
    ]);
  });

  it('has the text of a COPY after its statement, which may be empty', () => {
    const script = 'COPY a (x) FROM stdin;\n1;\n\\N\n\\.\n\nCOPY b (x) FROM stdin;\n\\.\nselect 1;\n';
    expect(steps(script)).toEqual([
      { kind: 'copy', sql: 'COPY a (x) FROM stdin', text: '1;\n\\N\n' },
      { kind: 'copy', sql: '\nCOPY b (x) FROM stdin', text: '' },
      { kind: 'statement', sql: 'select 1' },
    ]);
  });
});
