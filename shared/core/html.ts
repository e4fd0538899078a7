import { createHash } from 'node:crypto';
import { escapeUTF8 } from 'entities';

/** A piece of a page that is safe to send: everything that was put into it has been escaped. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Html | readonly (string | number | Html)[] | undefined;

/** Builds HTML from a template; every value that is not `Html` itself is escaped (alert texts are somebody else's). */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.map((text, index) => text + show(parts[index])).join(''));
}

function show(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'string' || typeof part === 'number') return escapeUTF8(String(part));
  return part.map(show).join('');
}

/** The source expression by which a Content-Security-Policy allows exactly this inline text. */
export const cspHash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
