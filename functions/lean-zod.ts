import { config } from 'zod';

// zod compiles a parser for each object at its first use, which pays for itself after hundreds: a function that has just been started
// waits for it and is mostly gone by then.
config({ jitless: true });
