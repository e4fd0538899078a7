import { assert } from '../core/assert.ts';
import { digestOf } from '../core/digest.ts';
import { between } from '../core/time.ts';
import type { Diagnosis } from '../incident/diagnosis.ts';
import { evidenceOf, type Evidence, type Inquiry } from './evidence.ts';
import type { Match, Rule } from './rule.ts';
import { hasWaitedLongEnough, RULES } from './rules.ts';

// From looks at the world to one diagnosis. Pure: the same looks at the same moment always have the same name.
//
// C1. One diagnosis for one look: the first rule that matches, which is the most upstream cause.
// C2. An alert's own claim is never evidence, and a request by hand passes the same rules.
// C3. No wait is for ever: what stays undecided reaches a person, unless people have it already.

/** Names what the looks show, with reasons and with what would change our mind. Throws when there is no look. */
export function diagnose(inquiry: Inquiry): Diagnosis {
  const evidence = evidenceOf(inquiry);
  for (const rule of RULES) {
    const match = rule.when(evidence);
    if (match !== undefined) return diagnosisOf(rule, boundedWait(rule, match, evidence), evidence);
  }
  assert(false, 'the last rule always matches');
}

/** Scenarios whose waits have an end of their own: an operation's limit, or the next look, which confirms or refutes. */
const ENDS_BY_ITSELF: ReadonlySet<string> = new Set([
  'database-primary-failure',
  'database-maintenance',
  'database-operation-in-progress',
  'database-standby-takes-over',
  'recovered',
  'not-failed',
]);

/** A state that comes and goes would wait from look to look for ever (C3). */
function boundedWait(rule: Rule, match: Match, evidence: Evidence): Match {
  if (match.outcome.kind !== 'wait' || !hasWaitedLongEnough(evidence) || !hasLookedForAWindow(evidence)) return match;
  if (rule.isPatient === true || ENDS_BY_ITSELF.has(rule.scenario)) return match;
  const reason = { code: 'undecided', text: 'it comes and goes, and has been undecided for too long' };
  return { ...match, outcome: { kind: 'person' }, reasons: [reason, ...match.reasons] };
}

/** Whether looks have gone on for a window: the first one after a pause (a run, a brake) decides nothing by itself. */
function hasLookedForAWindow({ inquiry: { rounds }, facts, window }: Evidence): boolean {
  return between(rounds[0]?.at ?? facts.at, facts.at) >= window;
}

function diagnosisOf(rule: Rule, match: Match, evidence: Evidence): Diagnosis {
  const { outcome } = match;
  return {
    scenario: rule.scenario,
    target: match.target,
    subject: { ...match.subject },
    confidence: match.confidence,
    conclusion: outcome.kind,
    runbook: outcome.kind === 'act' ? outcome.runbook : null,
    lookAgainInMs: outcome.kind === 'wait' ? outcome.lookAgainIn : null,
    reasons: [{ code: rule.code, text: match.text }, ...match.reasons],
    wouldChangeMind: [...match.wouldChangeMind],
    evidence: digestOf(evidence.facts),
    failedSinceMs: match.failedSince ?? null,
  };
}
