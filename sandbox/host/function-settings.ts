import { z } from 'zod';
import { type Instant, instant } from '../../shared/core/time.ts';
import type { Principal } from '../world/kernel.ts';

// What the sandbox tells the process of a function: who may invoke it, and what time it is there. The functions themselves
// don't read it. In the cloud, Cloud Run does this part.

/** The signal that tells a process that it gets no more requests, and may go when it has answered those that it has. */
export const LAST_REQUESTS = 'SIGUSR2';

/** By which another process reads the sandbox's time: clock time was `start` when the wall's was `wallStart`. */
export interface ClockReading {
  readonly start: Instant;
  /** Milliseconds since the epoch. */
  readonly wallStart: number;
  readonly rate: number;
}

/** Who may invoke a function; `public` is everybody, as for pages that people open. */
export type Admission =
  | { readonly kind: 'public' }
  | { readonly kind: 'invokers'; readonly issuer: string; readonly invokers: readonly Principal[] };

/** The settings of one process. */
export interface FunctionSettings {
  readonly target: string;
  readonly port: number;
  readonly admission: Admission;
  readonly clock: ClockReading;
}

/** The environment that carries the settings; `PORT` is added by the supervisor. */
export function environmentOf({ target, admission, clock }: Omit<FunctionSettings, 'port'>): Record<string, string> {
  const { start, wallStart, rate } = clock;
  const open = { FUNCTION_TARGET: target, SANDBOX_CLOCK: JSON.stringify({ start, wallStart, rate }) };
  if (admission.kind === 'public') return open;
  return { ...open, SANDBOX_ISSUER: admission.issuer, SANDBOX_INVOKERS: admission.invokers.join(',') };
}

const wire = z.object({
  FUNCTION_TARGET: z.string().min(1),
  PORT: z.coerce.number().int().min(0).max(65_535),
  SANDBOX_CLOCK: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(z.object({ start: z.number().transform(instant), wallStart: z.number(), rate: z.number().positive() })),
  SANDBOX_ISSUER: z.url().optional(),
  SANDBOX_INVOKERS: z.string().min(1).optional(),
});

/** Reads the settings back. Throws when they are not what `environmentOf` writes: an admission that is half there admits nobody. */
export function parseFunctionSettings(env: unknown): FunctionSettings {
  const {
    FUNCTION_TARGET: target,
    PORT: port,
    SANDBOX_CLOCK: clock,
    SANDBOX_ISSUER: issuer,
    SANDBOX_INVOKERS: invokers,
  } = wire.parse(env);
  if (issuer === undefined && invokers === undefined) return { target, port, clock, admission: { kind: 'public' } };
  if (issuer === undefined || invokers === undefined)
    throw new Error('SANDBOX_ISSUER and SANDBOX_INVOKERS come together');
  return { target, port, clock, admission: { kind: 'invokers', issuer, invokers: invokers.split(',') } };
}

/** What time it is in the sandbox, when the wall's clock says `wall` milliseconds since the epoch. */
export const clockTime = ({ start, wallStart, rate }: ClockReading, wall: number): Instant =>
  instant(start + (wall - wallStart) * rate);
