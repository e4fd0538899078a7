import { run, type Shared, stored, verb } from './program.ts';

// The verbs by which a team takes dr-autopilot into use (docs/deployment.md, "Adoption"). None of them changes anything in the cloud.

/** Adds them to the program. */
export function addAdoptionVerbs(): void {
  stored(
    verb(
      'doctor',
      'Whether everything is set up well: dr.yaml against the cloud; says how to mend what is not; changes nothing',
    ),
  ).action((options: Shared & { store?: string }) =>
    run(async () => (await import('./doctor.ts')).doctorHere({ ...options, store: options.store })),
  );
}
