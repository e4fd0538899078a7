// Plain JavaScript of an old dialect on purpose: a Node too old for the rest must still be able to read this file.

/** The oldest major version of Node that runs the TypeScript sources directly and has a stable node:sqlite. */
const OLDEST = 24;

/**
 * The sentence for somebody whose Node is too old, or `undefined` when it will do.
 * @param {string} version as `process.versions.node` gives it
 * @returns {string | undefined}
 */
export function complaintAbout(version) {
  if (Number(version.split('.')[0]) >= OLDEST) return undefined;
  return (
    'dr-autopilot needs Node ' +
    OLDEST +
    ' or newer, and this is Node ' +
    version +
    '. Run "npm ci" (it installs the right one inside this folder; not with --ignore-scripts), then "npm start" or "./dr".'
  );
}

const complaint = complaintAbout(process.versions.node);
if (complaint !== undefined) {
  process.stderr.write(complaint + '\n');
  process.exit(2);
}
