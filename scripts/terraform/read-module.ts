import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from '@cdktf/hcl2json';
import { outlineOf, type WrittenBody } from './outline.ts';

/** A sentence that names the file, the line and what to do. */
export type Complaint = string;

/** The `.tf` files of one folder, which are one module. */
export interface TerraformModule {
  /** From the top of what was read. */
  readonly folder: string;
  readonly files: readonly TerraformFile[];
}

/** One file: where everything stands. */
export interface TerraformFile {
  readonly path: string;
  readonly body: WrittenBody;
}

/** What could be read, and what is wrong in syntax. */
export interface Reading {
  readonly modules: readonly TerraformModule[];
  readonly complaints: readonly Complaint[];
}

/** Files by their path, as they may also be planted by a test. */
export type Texts = Readonly<Record<string, string>>;

/** All `.tf` files under a folder, by their path from it. */
export function tfFilesUnder(top: string, folder = ''): Texts {
  return Object.assign(
    {},
    ...readdirSync(join(top, folder), { withFileTypes: true }).map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === '.terraform' ? {} : tfFilesUnder(top, path);
      return entry.name.endsWith('.tf') ? { [path]: readFileSync(join(top, path), 'utf8') } : {};
    }),
  );
}

/** Reads files into modules, one for each folder. A file that is wrong in syntax is a complaint and stands in no module. */
export async function readModules(texts: Texts): Promise<Reading> {
  const files: TerraformFile[] = [];
  const complaints: Complaint[] = [];
  for (const [path, text] of Object.entries(texts)) {
    try {
      const values: unknown = await parse(path, text);
      const body = outlineOf(text);
      refuseMisreading(body, values);
      files.push({ path, body });
    } catch (error) {
      complaints.push(syntaxComplaint(path, error));
    }
  }
  const folders = new Set(files.map(({ path }) => folderOf(path)));
  const modules = [...folders].map((folder) => ({
    folder,
    files: files.filter(({ path }) => folderOf(path) === folder),
  }));
  return { modules, complaints };
}

const folderOf = (path: string): string => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.');

/** `parse config: [main.tf:3,2-3: Attribute redefined; …]`, HashiCorp's own words. */
function syntaxComplaint(path: string, error: unknown): Complaint {
  const words = error instanceof Error ? error.message : String(error);
  const [, line, what] = /\[[^:\]]*:(\d+),[^:]*: ([^]*?)\]?$/.exec(words) ?? [];
  return line === undefined ? `${path}: ${words}` : `${path}:${line}: ${(what ?? words).replace(/\]$/, '')}`;
}

/** The scanner of outline.ts and HashiCorp's parser must see the same names, or nothing that follows is worth anything. */
function refuseMisreading(body: WrittenBody, values: unknown): void {
  const ours = [...new Set([...body.arguments.map(({ name }) => name), ...body.blocks.map(({ type }) => type)])];
  const theirs = typeof values === 'object' && values !== null ? Object.keys(values) : [];
  if (ours.toSorted().join() !== theirs.toSorted().join())
    throw new Error(`outline.ts reads ${ours.join(', ')} where the parser reads ${theirs.join(', ')}`);
  for (const block of body.blocks) {
    const type = block.type;
    const same = body.blocks.filter((other) => other.type === type && other.labels.join() === block.labels.join());
    let found: unknown = memberOf(values, type);
    for (const label of block.labels) found = memberOf(found, label);
    refuseMisreading(block.body, Array.isArray(found) ? (found[same.indexOf(block)] as unknown) : found);
  }
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null
    ? (Object.entries(value).find(([key]) => key === name)?.[1] as unknown)
    : undefined;
