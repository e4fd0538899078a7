import type { IncidentEvent } from '../../shared/incident/events.ts';
import {
  consentedBy,
  described,
  type DrawnPlan,
  effectsBy,
  IN_FLIGHT,
  type Invariant,
  plansOf,
  requestOf,
  when,
} from './judged.ts';
import { requestsIn, SAFE } from './powers.ts';
import type { Run } from './run.ts';

// Nothing is done to the protected system that people did not agree to.

/**
 * A decision against a plan that came before its committed section, or before all that it would do where it has none: what was
 * pressed counts, not what the log makes of it.
 */
function denialOf(run: Run, { incident, plan, digest }: DrawnPlan): IncidentEvent | undefined {
  const section = plan.steps.filter(({ committed }) => committed);
  const late = section.length > 0 ? section : plan.steps.filter(({ risk }) => risk === 'destructive');
  const destructive = new Set(late.map(({ id }) => String(id)));
  const drawnAt = incident.events.find((event) => event.kind === 'planDrawn' && event.data.digest === digest);
  const begun = incident.events.find(
    (event) =>
      event.kind === 'stepStarted' && destructive.has(event.data.step) && event.sequence > (drawnAt?.sequence ?? 0),
  );
  const denials = new Set(
    run.witness.votes.flatMap(({ isGenuine, decision, planDigest, token }) =>
      isGenuine && decision === 'deny' && planDigest === digest ? [token] : [],
    ),
  );
  return incident.events.find(
    (event) =>
      event.kind === 'decided' &&
      denials.has(event.data.token) &&
      (begun === undefined || event.sequence < begun.sequence),
  );
}

export const CONSENT: Readonly<Record<string, Invariant>> = {
  'S1 no change without the consent of people, or within what heal may': (run) => [
    ...effectsBy(run, 'recover')
      .filter((effect) => consentedBy(run, effect).length === 0)
      .map((effect) => `${described(run, effect)} and nobody had approved it`),
    ...effectsBy(run, 'heal')
      .filter(
        (effect) =>
          !SAFE.has(effect.call.permission) ||
          !plansOf(run).some(({ plan }) => requestsIn(plan).has(requestOf(effect))),
      )
      .map((effect) => `heal did ${described(run, effect)}`),
    ...(['classify', 'tick', 'notify', 'approve', 'status'] as const).flatMap((name) =>
      effectsBy(run, name).map((effect) => `${name} did ${described(run, effect)}`),
    ),
  ],
  'S1 a deny before the committed section stops the plan': (run) =>
    plansOf(run).flatMap((drawn) => {
      const denial = denialOf(run, drawn);
      if (denial === undefined) return [];
      return effectsBy(run, 'recover')
        .filter((effect) => effect.at > denial.at + IN_FLIGHT && requestsIn(drawn.plan).has(requestOf(effect)))
        .filter((effect) => consentedBy(run, effect).every(({ digest }) => digest === drawn.digest))
        .map((effect) => `${described(run, effect)} after a deny ${when(run, denial.at)}`);
    }),
};
