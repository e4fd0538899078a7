// Another version of what a served function is made of (served-function.ts).
Reflect.set(globalThis, 'servedVersion', 'second');
