import base from '../../jest.config.js';

/** The stories: whole recoveries by the real functions, minutes long. `npm run stories`; never part of `npm test`. */
export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/stories/*.story.ts'],
  testPathIgnorePatterns: process.env['DR_STORIES'] === 'all' ? [] : ['\\.long\\.story\\.ts$'],
  testTimeout: 600_000,
};
