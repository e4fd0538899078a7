import './cli/require-node.js';

/** Runs the TypeScript sources as ES modules, types stripped by Node itself: tests execute what production executes. */
export default {
  testEnvironment: '<rootDir>/test/lean-environment.js',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  transform: { '\\.ts$': '<rootDir>/test/strip-types.js' },
  // A worker that loaded Google's clients keeps about 110 MiB for each; start afresh instead of growing without end.
  workerIdleMemoryLimit: '768MB',
  // Jest leaves one core to itself by default, which on two cores is half of the machine.
  maxWorkers: '100%',
  // A hang guard and no measure: five seconds, Jest's own, fail on a machine that has other work.
  testTimeout: 120_000,
  watchman: false,
  modulePathIgnorePatterns: ['<rootDir>/.dr/'],
};
