import './require-node.js';

const USAGE = 'Usage: ./dr VERB [OBJECT] [--json] [--config dr.yaml]\n';

const asked = process.argv[2];
if (asked === '--help' || asked === 'help') {
  process.stdout.write(USAGE);
} else {
  process.stderr.write(asked === undefined ? USAGE : `dr: unknown verb "${asked}".\n${USAGE}`);
  process.exitCode = 2;
}
