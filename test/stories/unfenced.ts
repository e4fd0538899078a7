import { expect } from '@jest/globals';
import type { Stage } from './story.ts';

// What is told and changed where the old primary was not fenced.

/** The database that is not fenced. */
export const PRIMARY = 'coditect-dms-db';

/** Consumers held, and given back as they were. */
export const GIVEN_BACK = [
  expect.stringMatching(/^run\.services\.update services\/coditect-dms-api$/),
  expect.stringMatching(/^k8s\.apps\.deployments\/scale\.patch .*coditect-dms-api/),
];
/** The same, held. */
export const HELD = GIVEN_BACK.toReversed();

/** What everybody must have been told: that it stopped in the middle, and where it landed. */
export const urgentTold = (stage: Stage, person: string): readonly string[] =>
  stage.paged.filter((notice) => notice.person === person).map(({ subject }) => subject.replace(/^.*: /, ''));
