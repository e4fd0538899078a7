import { z } from 'zod';
import type { PlannedStep } from '../plan/plan.ts';
import { type InstanceName, instanceName } from '../system/names.ts';
import type { IncidentState } from './state.ts';

// What an incident's runs have made of the system for good, by what its log says was done: what those must know of it who declare the
// system elsewhere, as Terraform does. What was taken back again is not in it, and what a later run changed once more is there as it is now.

/** What is true of an instance now. Absent: as it was. */
export interface InstanceReality {
  readonly instance: InstanceName;
  /** `asked`: its region was dark, so nobody has seen it stop. */
  readonly stopped?: 'seen' | 'asked';
  /** It took the place of another, as its former replica or as a copy from a backup. */
  readonly tookPlaceOf?: { readonly former: InstanceName; readonly as: 'replica' | 'copy' };
  /** It has HA, backups, point-in-time recovery and protection from deletion. */
  readonly isProtected?: true;
  /** It was made by us, as a replica. */
  readonly madeAsReplicaOf?: { readonly primary: InstanceName; readonly region: string };
}

/** The new reality of one incident. */
export interface Reality {
  readonly instances: readonly InstanceReality[];
  /** Secrets that got a version with another address. */
  readonly secrets: readonly string[];
  /** Entrances, and the application that each leads to. */
  readonly entrances: readonly { readonly entrance: string; readonly application: string }[];
  /** Cloud Run applications whose limits are others than before. */
  readonly limits: readonly { readonly application: string; readonly min: number; readonly max: number | null }[];
}

/** What the log says was made of the system. */
export function realityAfter({ formerRuns, run }: IncidentState): Reality {
  const instances = new Map<string, InstanceReality>();
  const repointed = new Set<string>();
  const entrances = new Map<string, string>();
  const limits = new Map<string, Reality['limits'][number]>();
  const learn = (instance: InstanceName, more: Omit<InstanceReality, 'instance'>): void => {
    instances.set(instance, { ...instances.get(instance), instance, ...more });
  };
  for (const one of [...formerRuns, ...(run === undefined ? [] : [run])])
    for (const step of one.plan.steps) {
      if (one.steps.get(step.id)?.kind !== 'done') continue;
      const deed = deedOf(step);
      switch (deed?.action) {
        case undefined:
          break;
        case 'stop-instance':
          learn(deed.input.instance, { stopped: 'seen' });
          break;
        case 'ask-stop':
          learn(deed.input.instance, { stopped: instances.get(deed.input.instance)?.stopped ?? 'asked' });
          break;
        case 'promote-replica':
          learn(deed.input.replica, { tookPlaceOf: { former: deed.input.upstream, as: 'replica' } });
          break;
        case 'adopt-copy':
          learn(deed.input.copy, { tookPlaceOf: { former: deed.input.former, as: 'copy' } });
          break;
        case 'protect-instance':
          learn(deed.input.instance, { isProtected: true });
          break;
        case 'create-replica':
          learn(deed.input.replica, { madeAsReplicaOf: { primary: deed.input.primary, region: deed.input.region } });
          break;
        case 'point-secret':
        case 'point-at-replica':
          repointed.add(deed.input.secret);
          break;
        case 'move-traffic':
          entrances.set(deed.input.entrance, deed.input.to);
          break;
        case 'raise-service':
          limits.set(deed.input.application, { application: deed.input.application, ...deed.input.wanted });
          break;
        case 'restore-service':
          limits.delete(deed.input.application);
          break;
      }
    }
  return {
    instances: [...instances.values()],
    secrets: [...repointed],
    entrances: [...entrances].map(([entrance, application]) => ({ entrance, application })),
    limits: [...limits.values()],
  };
}

/** Whether whoever declares the system elsewhere has to know of it: of a version of a secret alone nobody has to. */
export const hasChanged = ({ instances, entrances, limits }: Reality): boolean =>
  instances.length + entrances.length + limits.length > 0;

const name = z.string().transform(instanceName);
const one = z.object({ instance: name });
const application = z.object({ application: z.string() });

/** The actions that leave something behind, with what their inputs say of it. */
const deedWire = z.discriminatedUnion('action', [
  z.object({ action: z.literal('stop-instance'), input: one }),
  z.object({ action: z.literal('ask-stop'), input: one }),
  z.object({ action: z.literal('promote-replica'), input: z.object({ replica: name, upstream: name }) }),
  z.object({ action: z.literal('adopt-copy'), input: z.object({ copy: name, former: name }) }),
  z.object({ action: z.literal('protect-instance'), input: one }),
  z.object({
    action: z.literal('create-replica'),
    input: z.object({ primary: name, replica: name, region: z.string() }),
  }),
  z.object({ action: z.literal('point-secret'), input: z.object({ secret: z.string() }) }),
  z.object({ action: z.literal('point-at-replica'), input: z.object({ secret: z.string() }) }),
  z.object({ action: z.literal('move-traffic'), input: z.object({ entrance: z.string(), to: z.string() }) }),
  z.object({
    action: z.literal('raise-service'),
    input: application.extend({ wanted: z.object({ min: z.number(), max: z.number().nullable() }) }),
  }),
  z.object({ action: z.literal('restore-service'), input: application }),
]);

const deedOf = ({ action, input }: PlannedStep): z.infer<typeof deedWire> | undefined =>
  deedWire.safeParse({ action, input }).data;
