// A file of SQL as `psql -f` reads it: one statement after the other, and the text of a COPY after the statement that takes it.

/** One step of a script. */
export type ScriptStep =
  | { readonly kind: 'statement'; readonly sql: string }
  | { readonly kind: 'copy'; readonly sql: string; readonly text: string };

const COPY_IN = /^\s*copy\b[^;]*\bfrom\s+stdin\b/i;

/** Where a quoted part that begins at `from` ends (exclusive), or `undefined` when nothing begins there. */
function quotedUntil(text: string, from: number): number | undefined {
  const rest = (end: string, start: number): number => {
    const found = text.indexOf(end, start);
    return found < 0 ? text.length : found + end.length;
  };
  if (text[from] === '-' && text[from + 1] === '-') return rest('\n', from);
  if (text[from] === '/' && text[from + 1] === '*') return rest('*/', from);
  if (text[from] === '"') return rest('"', from + 1);
  if (text[from] === "'") {
    // In E'…' a backslash keeps the quote from ending it.
    if (!/e/i.test(text[from - 1] ?? '') || /\w/.test(text[from - 2] ?? '')) return rest("'", from + 1);
    const end = /(?:[^'\\]|\\[^])*'/y;
    end.lastIndex = from + 1;
    return end.exec(text) === null ? text.length : end.lastIndex;
  }
  const tag = /\$(?:[a-z_]\w*)?\$/iy;
  tag.lastIndex = from;
  const found = text[from] === '$' ? tag.exec(text)?.[0] : undefined;
  return found === undefined ? undefined : rest(found, from + found.length);
}

/** The steps of a script. Lines that begin with a backslash between statements are psql's own and are left out. */
export function* readScript(script: string): Generator<ScriptStep> {
  let begin = 0;
  for (let index = 0; index < script.length; ) {
    const isLineStart = index === 0 || script[index - 1] === '\n';
    if (script[index] === '\\' && isLineStart && withoutComments(script.slice(begin, index)).trim() === '') {
      const end = script.indexOf('\n', index);
      index = end < 0 ? script.length : end + 1;
      begin = index;
      continue;
    }
    const quoted = quotedUntil(script, index);
    if (quoted !== undefined) {
      index = quoted;
      continue;
    }
    index += 1;
    if (script[index - 1] !== ';') continue;
    const sql = script.slice(begin, index - 1);
    begin = index;
    if (!COPY_IN.test(withoutComments(sql))) {
      if (withoutComments(sql).trim() !== '') yield { kind: 'statement', sql };
      continue;
    }
    const line = script.indexOf('\n', index) + 1;
    const end = script.startsWith('\\.', line) ? line : script.indexOf('\n\\.', line - 1) + 1;
    const until = end <= 0 || line <= 0 ? script.length : end;
    yield { kind: 'copy', sql, text: script.slice(line, until) };
    const after = script.indexOf('\n', until);
    index = after < 0 ? script.length : after + 1;
    begin = index;
  }
  const last = script.slice(begin);
  if (withoutComments(last).trim() !== '') yield { kind: 'statement', sql: last };
}

const withoutComments = (sql: string): string => sql.replaceAll(/--[^\n]*|\/\*[^]*?\*\//g, '');
