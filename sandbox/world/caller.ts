import type { ApiCall } from './kernel.ts';

/** Who calls an API of the world, and from where. */
export type Caller = Pick<ApiCall, 'principal' | 'from'>;
