import { findFirestoreEmulator, startFirestoreEmulator } from '../../sandbox/host/google-emulators.ts';

// A parent to be killed: starts the emulator, says where it serves, and stays.

const emulator = findFirestoreEmulator();
if (emulator.kind === 'missing') throw new Error(emulator.because);
const { host } = await startFirestoreEmulator(emulator.classPath);
console.log(JSON.stringify({ host }));
