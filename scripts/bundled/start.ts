import { partsIn } from './parts.ts';

// What the framework loads of a bundle. It is an ES module by its name alone, so that the framework need not look for a package around it,
// and waits until the function may serve.

const { ready } = partsIn(import.meta.dirname).load('main.js') as { ready: Promise<void> }; // the entry of scripts/bundle-plugins.ts
await ready;
