import { appendFileSync } from 'node:fs';

// What every engine of the durable-step bench is told, and how it answers: a process of its own that performs runs of numbered
// steps whose effects do nothing. Messages go over the channel that `fork` opens.
//
//   bench ── {run, steps} ──▶ player       player ── ready │ standing │ played ──▶ bench
//
// `EFFECTS` names a file that gets the number of each step whose effect happened: what is in it outlives the process. At the step
// `STAND_AT` the effect has happened and never returns, so that the process can be killed there.

/** One run. Asking for a run that was begun before goes on with it. */
export interface Play {
  readonly run: string;
  readonly steps: number;
}

/** `played`: when each effect of this process happened, in milliseconds, in order. */
export type Told =
  | { readonly kind: 'ready' }
  | { readonly kind: 'standing' }
  | { readonly kind: 'played'; readonly run: string; readonly moments: readonly number[] };

const { EFFECTS, STAND_AT } = process.env;
let moments: number[] = [];

/** The effect of a step: nothing, but that it happened. */
export async function effectOf(step: number): Promise<void> {
  moments.push(performance.now());
  if (EFFECTS !== undefined) appendFileSync(EFFECTS, `${step}\n`);
  if (STAND_AT !== String(step)) return;
  tell({ kind: 'standing' });
  await new Promise<never>(() => undefined);
}

/** Performs what comes over the channel, one run after the other, until the channel closes. */
export function playAsTold(perform: (play: Play) => Promise<void>): void {
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.on('message', (message) => {
    const play = message as Play; // the bench is the only one who writes here
    moments = [];
    // What is rejected ends the process, which the bench sees.
    void perform(play).then(() => tell({ kind: 'played', run: play.run, moments }));
  });
  tell({ kind: 'ready' });
}

function tell(told: Told): void {
  process.send?.(told);
}
