import type { Rooms } from './rooms.ts';
import { fileMeant, roomOf } from './rooms.ts';
import type { Source } from './source.ts';

/** A sentence that names the file, the line where there is one, and what to do. */
export type Complaint = string;

/** Longest a source file may be: what one reading holds. Style aims at 150. */
const LINES_MAX = 400;

/** Rooms that may ask for the time, wait, and roll dice; everything else gets them as arguments or through a port. */
const SHELLS: readonly string[] = [
  'shared/providers/',
  'functions/',
  'sandbox/',
  'cli/',
  'test/',
  'bench/',
  'scripts/',
];

/** Where packages of vendors may be known: the adapters, and what proves or measures them. */
const KNOW_VENDORS: readonly string[] = ['shared/providers/', 'test/', 'bench/'];
const VENDOR = /^(@google-cloud\/(?!functions-framework)|google-auth-library|google-gax|gaxios|@kubernetes\/)/;

/** Names that say nothing about the subject. Google's Secret Manager is a product's name. */
const EMPTY_NAME = /(^|-)(utils?|helpers?|common|managers?|misc)$/;
const PRODUCT_NAMES: ReadonlySet<string> = new Set(['secret-manager']);

/** Folders that exist on one machine only, at the start of a path. */
const MACHINE_PATH = /(?<![\w.~$}-])\/(work|root|home)\//;

/** Addresses that packages are installed from, which differ from one network to the next. */
const REGISTRY =
  /https?:\/\/[\w.:@-]*(registry|artifactory|nexus|verdaccio)[\w.-]*|^\s*(@[\w-]+:)?registry\s*=|index-url\s*=|GOPROXY\s*=/;

/** Every import must be allowed by the row of the importing file's room. */
export function importComplaints(source: Source, rooms: Rooms): readonly Complaint[] {
  const room = roomOf(source.path);
  const allowed = room === undefined ? undefined : rooms.get(room);
  if (room === undefined || allowed === undefined) {
    return [`${source.path}: its folder has no row in the table of ARCHITECTURE.md`];
  }
  const complaints = source.unreadable.map(
    (line) => `${source.path}:${line} imports something that is not a plain string, so nobody can check it`,
  );
  for (const { what, line } of source.imports) {
    if (VENDOR.test(what) && !KNOW_VENDORS.some((shell) => source.path.startsWith(shell))) {
      complaints.push(`${source.path}:${line} imports ${what}, which only shared/providers may know`);
    }
    const file = fileMeant(source.path, what);
    if (file === undefined) continue;
    const target = roomOf(file);
    if (target === room || (target !== undefined && allowed.has(target))) continue;
    complaints.push(
      `${source.path}:${line} imports ${file}, but ARCHITECTURE.md does not let ${room} import ${target ?? 'it'}`,
    );
  }
  return complaints;
}

/** Deciding takes time and chance as arguments. */
export function impurityComplaints(source: Source): readonly Complaint[] {
  if (SHELLS.some((shell) => source.path.startsWith(shell))) return [];
  return source.impurities.map(
    ({ what, line }) =>
      `${source.path}:${line} uses ${what}; take the time or the chance as an argument or from a port`,
  );
}

/** A name must say what the file or folder is about. */
export function nameComplaints(path: string): readonly Complaint[] {
  const parts = path.split('/').map((part) => part.replace(/(\.test)?\.\w+$/, ''));
  const empty = parts.find((part) => EMPTY_NAME.test(part) && !PRODUCT_NAMES.has(part));
  if (empty !== undefined) return [`${path}: "${empty}" says nothing; name the subject`];
  if (path.endsWith('/types.ts')) return [`${path}: put a type beside what it is about`];
  if (path.endsWith('/index.ts') && path !== 'functions/index.ts')
    return [`${path}: import the file itself, not a barrel`];
  return [];
}

/** A file must fit into one reading. */
export function lengthComplaints(path: string, text: string): readonly Complaint[] {
  const lines = text.replace(/\n$/, '').split('\n').length;
  return lines > LINES_MAX ? [`${path} has ${lines} lines; divide it by subject before it passes ${LINES_MAX}`] : [];
}

/** What is published must not speak of the machine or the network that it was written on. */
export function placeComplaints(path: string, text: string): readonly Complaint[] {
  const complaints: Complaint[] = [];
  text.split('\n').forEach((line, index) => {
    const folder = MACHINE_PATH.exec(line)?.[0];
    if (folder !== undefined) complaints.push(`${path}:${index + 1} names ${folder}, a folder of one machine`);
    const registry = REGISTRY.exec(line)?.[0].trim();
    if (registry !== undefined) complaints.push(`${path}:${index + 1} names where packages come from (${registry})`);
  });
  return complaints;
}

type Lock = { readonly packages: Readonly<Record<string, LockEntry>> };
type LockEntry = { readonly resolved?: string; readonly optionalDependencies?: Readonly<Record<string, string>> };

/** `npm ci` needs every optional build in the lock, also those for other platforms, and no address of one network. */
export function lockComplaints(lock: Lock): readonly Complaint[] {
  const complaints: Complaint[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.resolved !== undefined) complaints.push(`package-lock.json: ${path} says where it was downloaded from`);
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      const found = `${path}/node_modules/${name}` in lock.packages || `node_modules/${name}` in lock.packages;
      if (!found)
        complaints.push(`package-lock.json: no entry for ${name}, an optional build of ${path}; npm ci will refuse`);
    }
  }
  return complaints;
}
