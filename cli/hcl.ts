// Terraform's language, as far as it is written here: blocks of arguments, with the alignment of `terraform fmt`.

/** An expression that is written as it stands, such as a reference. */
export interface Raw {
  readonly raw: string;
}

/** One line or block of a body. */
export type Part =
  | { readonly name: string; readonly value: string | number | boolean | Raw }
  | { readonly block: string; readonly parts: readonly Part[] }
  | { readonly comment: string };

/** A block as a text, without the line's end. */
export function block(head: string, parts: readonly Part[]): string {
  return `${head} {\n${bodyOf(parts, '  ')}}`;
}

/** Comments over as many lines as it takes. */
export const comment = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '#' : `# ${line}`))
    .join('\n');

function bodyOf(parts: readonly Part[], indent: string): string {
  const lines: string[] = [];
  for (const [index, part] of parts.entries()) {
    if ('comment' in part) lines.push(...comment(part.comment).split('\n'));
    else if ('block' in part) {
      if (index > 0) lines.push('');
      lines.push(`${part.block} {`, ...bodyOf(part.parts, '  ').split('\n').slice(0, -1), '}');
    } else lines.push(argumentOf(part, widthAround(parts, index)));
  }
  return lines.map((line) => (line === '' ? '\n' : `${indent}${line}\n`)).join('');
}

/** Arguments that follow one another have their signs in one column. */
function widthAround(parts: readonly Part[], index: number): number {
  const isArgument = (part: Part | undefined): part is Extract<Part, { readonly name: string }> =>
    part !== undefined && 'name' in part;
  let [from, to] = [index, index];
  while (isArgument(parts[from - 1])) from -= 1;
  while (isArgument(parts[to + 1])) to += 1;
  return Math.max(...parts.slice(from, to + 1).map((part) => (isArgument(part) ? part.name.length : 0)));
}

const argumentOf = ({ name, value }: Extract<Part, { readonly name: string }>, width: number): string =>
  `${name.padEnd(width)} = ${typeof value === 'object' ? value.raw : literal(value)}`;

/** A value as Terraform reads it back: what would be a template in a text is escaped. */
const literal = (value: string | number | boolean): string =>
  typeof value === 'string' ? JSON.stringify(value).replaceAll(/([$%])\{/g, '$1$1{') : String(value);

/** A name of Google as a name of a resource in Terraform. */
export const identifier = (name: string): string => name.replaceAll(/\W/g, '_');
