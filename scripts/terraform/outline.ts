import { assert } from '../../shared/core/assert.ts';

// Where everything stands in a `.tf` file, and which of it are blocks: what `hcl2json` does not tell. It parses the file with
// HashiCorp's own parser first, so this scanner meets only what is right in syntax; reading.ts compares the two.

/** `name = expression`. */
export interface WrittenArgument {
  readonly name: string;
  readonly line: number;
  /** As it is written, without comments. */
  readonly expression: string;
  /** The same with blanks for all that is text and no interpolation, line for line: what refers to something. */
  readonly code: string;
}

/** `type "label" … { … }`. */
export interface WrittenBlock {
  readonly type: string;
  readonly labels: readonly string[];
  readonly line: number;
  readonly body: WrittenBody;
}

/** What stands between braces, or in a whole file. */
export interface WrittenBody {
  readonly arguments: readonly WrittenArgument[];
  readonly blocks: readonly WrittenBlock[];
}

/** Reads a file that is known to be right in syntax. Throws on anything else. */
export function outlineOf(text: string): WrittenBody {
  const scanner = new Scanner(text);
  const body = scanner.body();
  assert(scanner.isAtEnd(), `line ${scanner.line()}: a brace too many`);
  return body;
}

const WORD = /[\p{L}_][\p{L}\p{N}_-]*/uy;
const HEREDOC = /<<(-?)([\p{L}_][\p{L}\p{N}_-]*)\r?\n/uy;
const COMMENT = /#[^\n]*|\/\/[^\n]*|\/\*[^]*?\*\//y;
const BLANK = /(?:\s|#[^\n]*|\/\/[^\n]*|\/\*[^]*?\*\/)*/y;

class Scanner {
  readonly #text: string;
  #at = 0;
  #written = { expression: '', code: '' };

  constructor(text: string) {
    this.#text = text;
  }

  isAtEnd(): boolean {
    this.#match(BLANK);
    return this.#at >= this.#text.length;
  }

  line(): number {
    return this.#text.slice(0, this.#at).split('\n').length;
  }

  /** Up to the brace that ends it, or the end of the file. */
  body(): WrittenBody {
    const arguments_: WrittenArgument[] = [];
    const blocks: WrittenBlock[] = [];
    while (!this.isAtEnd() && this.#text[this.#at] !== '}') {
      const line = this.line();
      const name = this.#match(WORD);
      assert(name !== '', `line ${line}: neither an argument nor a block`);
      this.#match(/[ \t]*/y);
      if (this.#text[this.#at] === '=' && this.#text[this.#at + 1] !== '=') {
        this.#at += 1;
        arguments_.push({ name, line, ...this.#expression() });
      } else blocks.push({ type: name, line, labels: this.#labels(), body: this.#braced() });
    }
    return { arguments: arguments_, blocks };
  }

  #braced(): WrittenBody {
    assert(this.#text[this.#at] === '{', `line ${this.line()}: a block without a brace`);
    this.#at += 1;
    const body = this.body();
    assert(this.#text[this.#at] === '}', `line ${this.line()}: a block without its end`);
    this.#at += 1;
    return body;
  }

  #labels(): readonly string[] {
    const labels: string[] = [];
    for (;;) {
      this.#match(/[ \t]*/y);
      const label = this.#match(/"[^"\n]*"/y) || this.#match(WORD);
      if (label === '') return labels;
      labels.push(label.replaceAll('"', ''));
    }
  }

  /** Up to the end of the line, unless a bracket is open; a brace may end it too. */
  #expression(): { readonly expression: string; readonly code: string } {
    this.#written = { expression: '', code: '' };
    for (let depth = 0; this.#at < this.#text.length; ) {
      const comment = this.#match(COMMENT);
      if (comment !== '') {
        this.#write(comment.replaceAll(/[^\n]/g, ''));
        continue;
      }
      const mark = this.#text[this.#at] ?? '';
      if (depth === 0 && (mark === '\n' || mark === '}')) break;
      if (mark === '"') this.#quoted();
      else if (mark === '<' && this.#isHeredoc()) this.#heredoc();
      else {
        if ('([{'.includes(mark)) depth += 1;
        if (')]}'.includes(mark)) depth -= 1;
        this.#take(1);
      }
    }
    const { expression, code } = this.#written;
    return { expression: expression.trim(), code };
  }

  #isHeredoc(): boolean {
    HEREDOC.lastIndex = this.#at;
    return HEREDOC.test(this.#text);
  }

  /** A quoted template, whose interpolations may hold quotes and braces of their own. */
  #quoted(): void {
    this.#take(1);
    while (this.#text[this.#at] !== '"') this.#templatePart();
    this.#take(1);
  }

  #heredoc(): void {
    const opening = this.#match(HEREDOC);
    this.#write(opening, blank(opening));
    const word = /[\p{L}_][\p{L}\p{N}_-]*/u.exec(opening)?.[0] ?? '';
    const end = new RegExp(`[ \\t]*${word}(?=\\r?(?:\\n|$))`, 'y');
    for (let isStart = true; ; isStart = this.#text[this.#at - 1] === '\n') {
      const closing = isStart ? this.#match(end) : '';
      if (closing !== '') return this.#write(closing, blank(closing));
      this.#templatePart();
    }
  }

  /** One letter of a text, or one interpolation in it. */
  #templatePart(): void {
    assert(this.#at < this.#text.length, 'a text without its end');
    const literal = this.#match(/\\[^]|\$\$\{|%%\{/y);
    if (literal !== '') return this.#write(literal, blank(literal));
    const isInterpolation = /[$%]\{/y;
    isInterpolation.lastIndex = this.#at;
    if (!isInterpolation.test(this.#text)) {
      const letter = this.#text[this.#at] ?? '';
      this.#at += 1;
      return this.#write(letter, blank(letter));
    }
    this.#take(2);
    for (let depth = 1; depth > 0; ) {
      const mark = this.#text[this.#at];
      assert(mark !== undefined, 'an interpolation without its end');
      if (mark === '"') this.#quoted();
      else {
        if (mark === '{') depth += 1;
        if (mark === '}') depth -= 1;
        this.#take(1);
      }
    }
  }

  #take(count: number): void {
    this.#write(this.#text.slice(this.#at, this.#at + count));
    this.#at += count;
  }

  #write(expression: string, code = expression): void {
    const { expression: before, code: codeBefore } = this.#written;
    this.#written = { expression: before + expression, code: codeBefore + code };
  }

  /** What matches here, which is then behind us; an empty text where nothing does. */
  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }
}

const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ');
