import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

// The gcloud that people use, unchanged. A command costs about a second of processor time, most of it for loading its own modules, so what
// a test asks of it is what only it can show.

/** Bounds a hung gcloud; a command takes one to three seconds on a busy machine. */
export const COMMAND_MS_MAX = 60_000;

/** Whether gcloud is installed. What is missing is said, and nothing is known of how the sandbox answers it. */
export function hasGcloud(): boolean {
  const found = (process.env['PATH'] ?? '').split(delimiter).some((folder) => isProgram(join(folder, 'gcloud')));
  if (!found)
    process.stderr.write('\nSKIPPED: gcloud is not installed, so nothing is known of how the sandbox answers it.\n\n');
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What a command came to. */
export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const failure = z.object({ code: z.number(), stdout: z.string(), stderr: z.string() });

/** Runs a command with a configuration of its own in a folder, as whoever a token names; `variables` say what differs from gcloud's defaults. */
export async function runGcloud(
  words: readonly string[],
  { folder, token, variables }: { folder: string; token: string; variables: Readonly<Record<string, string>> },
): Promise<Said> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    CLOUDSDK_CONFIG: folder,
    CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
    CLOUDSDK_CORE_PROJECT: 'coditect-prod',
    CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: 'true',
    CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: 'true',
    CLOUDSDK_AUTH_ACCESS_TOKEN: token,
    ...variables,
  };
  try {
    const { stdout, stderr } = await promisify(execFile)('gcloud', [...words], { env, timeout: COMMAND_MS_MAX });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = failure.parse(error);
    return { code, out: stdout, err: stderr };
  }
}
