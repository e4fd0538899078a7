import { listen, serve } from './register.ts';

// The composition root and the entry point of every function. A bundle has the line of its own function and no other
// (scripts/bundle-plugins.ts).

await listen('classify', () => import('./classify.ts'));
await listen('heal', () => import('./heal.ts'));
await listen('recover', () => import('./recover.ts'));
await listen('notify', () => import('./notify.ts'));
await listen('tick', () => import('./tick.ts'));
await serve('approve', () => import('./approve.ts'));
await serve('status', () => import('./status.ts'));
