import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const wire = z.object({
  name: z.string(),
  version: z.string(),
  license: z.union([z.string(), z.object({ type: z.string() }).transform(({ type }) => type)]).optional(),
});

const TEXTS = /^(licen[cs]e|copying|notice)/i;

/** The licences of packages, each with its text as the package has it; directories are relative to the top. */
export function licenceText(top: string, directories: readonly string[]): string {
  const parts = directories.map((directory) => {
    const {
      name,
      version,
      license = 'not stated',
    } = wire.parse(JSON.parse(readFileSync(join(top, directory, 'package.json'), 'utf8')));
    const texts = existsSync(join(top, directory))
      ? readdirSync(join(top, directory))
          .filter((file) => TEXTS.test(file))
          .sort()
          .map((file) => readFileSync(join(top, directory, file), 'utf8').trim())
      : [];
    return [`${name} ${version}: ${license}`, ...texts].join('\n\n');
  });
  return `${parts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
