// Loaded when it is first needed, by `import()` (functions/register.ts): a bundle holds what is named here, and its package keeps its names.

export { ServicesClient } from '@google-cloud/run';
