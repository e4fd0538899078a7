import type { Chance } from '../../sandbox/world/kernel.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import type { Deed } from './plot.ts';
import type { Scene } from './scenes.ts';

// Breaches, drawn apart: somebody has the key of the sessions, people report it, and what only an issuer can make comes or doesn't.

type Played = ReturnType<Scene['play']>;

const deed = (ms: number, what: Deed) => ({ ms, deed: what });

const LEAK: Deed = { kind: 'break', fault: 'leaked-secret' };

const reported = (chance: Chance, isolate: readonly string[], leak: Deed = LEAK): Played => [
  deed(0, leak),
  deed(seconds(chance.between(5, 90)), {
    kind: 'operate',
    operation: { by: 'command', verb: 'start', runbook: 'breach-response', isolate },
  }),
];

/** The payment provider's key, and the word of who was asked for it. */
const issued = (chance: Chance): Played => [
  deed(minutes(chance.between(3, 9)), { kind: 'hand', what: 'addPaymentKey' }),
  deed(minutes(chance.between(9, 11)), {
    kind: 'operate',
    operation: { by: 'wish', verb: 'acknowledge', step: `ask-${REFERENCE.paymentSecret}` },
  }),
];

const lifted = (chance: Chance, target: string): Played => [
  deed(minutes(chance.between(9, 14)), {
    kind: 'operate',
    operation: { by: 'command', verb: 'start', runbook: 'lift-isolation', target },
  }),
];

const breach = (name: string, weight: number, play: Scene['play']): Scene => ({
  name,
  weight,
  runbook: 'breach',
  play,
});

/** All of them. */
export const BREACHES: readonly [Scene, ...Scene[]] = [
  breach('a stolen key', 3, (chance) => [...reported(chance, []), ...issued(chance)]),
  // The alert comes before the report or after it: one incident in either case.
  breach('a stolen key, an audit log tells of it', 2, (chance) => {
    const variant = chance.pick(['secret', 'password', 'role'] as const);
    return [...reported(chance, [], { kind: 'break', fault: 'intrusion', variant }), ...issued(chance)];
  }),
  breach('a stolen key, no bucket for the evidence', 1, (chance) => [
    deed(0, { kind: 'hand', what: 'closeEvidence' }),
    ...reported(chance, []),
    ...issued(chance),
  ]),
  breach('a stolen key, the thief has changed the password', 1, (chance) => [
    deed(seconds(chance.between(1, 200)), { kind: 'hand', what: 'changePassword' }),
    ...reported(chance, []),
    ...issued(chance),
  ]),
  breach('a stolen key, nobody of ours may set a password', 1, (chance) => [
    deed(0, { kind: 'hand', what: 'closeUsers' }),
    ...reported(chance, []),
    ...issued(chance),
  ]),
  breach('a stolen key, an application is cut off and reached again', 3, (chance) => {
    const target = chance.pick(['api-gke', 'api-run'] as const);
    return [...reported(chance, [target]), ...issued(chance), ...lifted(chance, target)];
  }),
  breach('a stolen key, no policy is enforced', 1, (chance) => [
    deed(0, { kind: 'break', fault: 'policies-not-enforced' }),
    ...reported(chance, ['api-gke']),
    ...issued(chance),
  ]),
];
