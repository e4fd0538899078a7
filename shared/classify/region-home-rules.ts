import { showDuration } from '../core/time.ts';
import type { TargetId } from '../system/names.ts';
import { rebuildIn, rebuildTarget, regionIn, regionTarget } from '../system/regions.ts';
import { type Match, nextLook, observerReasons, type Rule, waitOrPerson } from './rule.ts';
import { missingReplica, wayHome } from './region-home.ts';

// The way back of a region that was lost: first it gets a replica again, then it takes everything back. Nothing of this is urgent, so
// both wait until everything is well, and what is not well has the first word.

/** What an incident is about, as the target that it was opened for. */
const targetOf = ({ target }: { readonly target: string }): TargetId => target as TargetId; // a target's id is what an incident is about

const replicaMissing: Rule = {
  scenario: 'region-without-replica',
  code: 'replicaMissing',
  describe: 'A region whose former primary is stopped has no replica of the present one: make one under a free name.',
  when: (evidence) => {
    const { state, system } = evidence.inquiry;
    const region = rebuildIn(targetOf(state));
    if (region === undefined) return undefined;
    const found = missingReplica(system, region, evidence.facts);
    const about = (
      match: Pick<Match, 'confidence' | 'outcome' | 'text' | 'wouldChangeMind'>,
      subject: Readonly<Record<string, string>> = {},
    ): Match => ({
      ...match,
      target: rebuildTarget(region),
      subject: { region, ...subject },
      reasons: [],
      failedSince: undefined,
    });
    switch (found.kind) {
      case 'missing':
        return about(
          {
            confidence: 'confirmed',
            outcome: { kind: 'act', runbook: 'region-rebuild' },
            text: `${region} has no replica of ${found.primary}: ${found.former} served before and is stopped; ${found.replica} can be one`,
            wouldChangeMind: [`a replica of ${found.primary} in ${region}`],
          },
          { instance: found.primary, replica: found.replica },
        );
      case 'nothing':
        return about({
          confidence: 'confirmed',
          outcome: { kind: 'nothing' },
          text: found.because,
          wouldChangeMind: [`${region} without a replica`],
        });
      case 'people':
        return about({
          confidence: 'confirmed',
          outcome: { kind: 'person' },
          text: found.because,
          wouldChangeMind: ['a name that is free'],
        });
      case 'unknown':
        return about({
          confidence: 'unknown',
          outcome: waitOrPerson(evidence),
          text: found.because,
          wouldChangeMind: ['it can be read'],
        });
    }
  },
};

const regionIsWellAgain: Rule = {
  scenario: 'running-in-secondary',
  code: 'regionIsWellAgain',
  describe:
    'Everything of a region is in its secondary, and everything is well, with a replica back in the region: offer the way back.',
  when: (evidence) => {
    const { state, system } = evidence.inquiry;
    const region = regionIn(targetOf(state));
    const way = region === undefined ? undefined : wayHome(system, region, evidence.facts);
    const { wellFor, window } = evidence;
    // What is not well has a rule of its own, and comes first.
    if (region === undefined || way === undefined || wellFor === undefined) return undefined;
    const { primary, replica, standby } = way;
    const isAsked = state.requested === 'region-failback' || state.diagnosis?.scenario === 'running-in-secondary';
    if ('unfit' in replica && !isAsked) return undefined;
    const isSteady = wellFor >= window;
    const database = evidence.databases.find(({ facts }) => facts === way.known);
    return {
      target: regionTarget(region),
      subject: { region, instance: primary.instance, ...('unfit' in replica ? {} : { replica: replica.instance }) },
      reasons: database === undefined ? [] : observerReasons(database),
      failedSince: undefined,
      confidence: isSteady ? 'confirmed' : 'likely',
      outcome: !isSteady
        ? nextLook(evidence)
        : 'unfit' in replica
          ? { kind: 'person' }
          : { kind: 'act', runbook: 'region-failback' },
      text:
        'unfit' in replica
          ? `everything of ${region} is in ${standby.secondary}, and no replica in ${region} is fit: ${replica.unfit}; where there is none, ./dr trigger region-rebuild --target ${region} makes one`
          : `${region} has been well for ${showDuration(wellFor)} of ${showDuration(window)}, and everything of it is in ${standby.secondary}; ${replica.instance} can take the place of ${primary.instance}`,
      wouldChangeMind: [`something in ${region} falls ill`, 'somebody leads its users back'],
    };
  },
};

/** In the order in which they are asked. */
export const REGION_HOME_RULES: readonly Rule[] = [replicaMissing, regionIsWellAgain];
