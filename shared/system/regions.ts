import { type RunbookName, type TargetId, targetId } from './names.ts';
import type { Application, Database, RegionStandby, System } from './system.ts';
import { applicationOf, databaseOf, entrancesOf, targetIdOf, type TargetRef } from './topology.ts';

// Questions about regions as the file states them: what is in which, and where it goes on when one is lost.

/** A region as a target of its own, in leases and logs: everything that is in it fails together. */
export const regionTarget = (region: string): TargetId => targetId(`region/${region}`);

/** The region that a target is; `undefined` for every other target. */
export function regionIn(target: TargetId): string | undefined {
  const [, region] = /^region\/(.+)$/.exec(target) ?? [];
  return region;
}

/**
 * The return of a region that is elsewhere, as a target of its own: what waits for that, for hours or days, must hold back nothing that
 * the new side needs meanwhile.
 */
export const returnTarget = (region: string): TargetId => targetId(`return/${region}`);

/** The region whose return a target is; `undefined` for every other target. */
export function returnIn(target: TargetId): string | undefined {
  const [, region] = /^return\/(.+)$/.exec(target) ?? [];
  return region;
}

/**
 * A region that has no replica of its own any more, as a target of its own: making one takes as long as the data is large, and holds back
 * nothing meanwhile.
 */
export const rebuildTarget = (region: string): TargetId => targetId(`rebuild/${region}`);

/** The region that a target gives a replica again; `undefined` for every other target. */
export function rebuildIn(target: TargetId): string | undefined {
  const [, region] = /^rebuild\/(.+)$/.exec(target) ?? [];
  return region;
}

/** The region pair that a region belongs to, on either side. */
export const pairWith = (system: System, region: string): RegionStandby | undefined =>
  system.regions.find((known) => known.region === region || known.secondary === region);

/**
 * The target that a runbook about a region has there; `undefined` where the file states no pair that it could be about. A replica can be
 * rebuilt on either side; everything else is about the region that can be lost.
 */
export function regionAim(system: System, runbook: RunbookName, region: string): TargetId | undefined {
  if (runbook === 'region-rebuild') return pairWith(system, region) === undefined ? undefined : rebuildTarget(region);
  if (standbyOf(system, region) === undefined) return undefined;
  return runbook === 'region-return' ? returnTarget(region) : regionTarget(region);
}

/** The region that can be lost and to whose pair a target belongs; `undefined` for targets that are no region's. */
export function lostRegionOf(system: System, target: TargetId): string | undefined {
  const rebuilt = rebuildIn(target);
  return (
    regionIn(target) ?? returnIn(target) ?? (rebuilt === undefined ? undefined : pairWith(system, rebuilt)?.region)
  );
}

/** Where an application runs. */
export const regionOf = (application: Application): string =>
  application.kind === 'gke' ? application.location.replace(/-[a-z]$/, '') : application.region;

/** What takes over when that region is lost. */
export const standbyOf = (system: System, region: string): RegionStandby | undefined =>
  system.regions.find((known) => known.region === region);

/** The region whose users an application takes when that is lost. */
export const standsInFor = (system: System, application: string): RegionStandby | undefined =>
  system.regions.find((known) => known.application === application);

/** The region of which a target is a part, by the file: a database by its primary. */
export function homeRegionOf(system: System, ref: TargetRef): string | undefined {
  if (ref.kind === 'database') return databaseOf(system, ref)?.region;
  const application = applicationOf(system, ref.id);
  return application === undefined ? undefined : regionOf(application);
}

/** Every target in a region, databases first. */
export function targetsIn(system: System, region: string): readonly TargetRef[] {
  const all: readonly TargetRef[] = [
    ...system.databases.map(({ instance }) => ({ kind: 'database', instance }) as const),
    ...system.applications.map(({ id }) => ({ kind: 'application', id }) as const),
  ];
  return all.filter((ref) => homeRegionOf(system, ref) === region);
}

/** The database whose primary is in a region, by the file; there is one at the most where the region has a standby. */
export const databaseIn = (system: System, region: string): Database | undefined =>
  system.databases.find((database) => database.region === region);

/** Entrances that lead to something in a region and can lead to its standby. */
export function entrancesInto(system: System, { region, application }: RegionStandby): System['entrances'] {
  const homes = system.applications.filter((known) => regionOf(known) === region);
  return homes
    .flatMap(({ id }) => entrancesOf(system, id))
    .filter(({ backends }) => backends.some((backend) => backend.application === application));
}

/** The region's target where it can be lost as a whole, for each target that is in it: a signal about one may be about the other. */
export function regionAround(system: System, ref: TargetRef): readonly TargetId[] {
  const region = homeRegionOf(system, ref);
  return region === undefined || standbyOf(system, region) === undefined ? [] : [regionTarget(region)];
}

/** Everything that a region's target stands for. */
export const partsOf = (system: System, region: string): readonly TargetId[] =>
  targetsIn(system, region).map(targetIdOf);
