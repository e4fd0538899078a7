// Breach response, as far as it goes today: what was stolen is made worthless (runbook 7.1).
//
//   keep evidence (breach-evidence.ts) ─▶ new values ─▶ restart what reads them ─▶ grace ─▶ disable the old ones
//          new passwords of databases (breach-passwords.ts) ─┘
//   cut off what people name (breach-isolation.ts)
//          └─▶ ask people for what only an issuer can make ─▶ restart ─▶ grace ─▶ disable
//
// Invariants
//   B1. The security lead is paged when it is reported, before anybody looks or plans (absorb.ts). No plan waits for that.
//   B2. Random bytes replace only what nobody issues. For the rest a person is asked by name.
//   B3. Every version that was enabled is disabled, older ones too: after every listed reader has been restarted and serves, and while
//       a newer one is enabled.
//   B4. An issuer that takes days holds up nothing else: what can be rotated here is rotated and disabled without it.
//   B5. A secret whose versions can't be read is in no plan, and is named; it joins a new one when it can.
//   B6. Sessions end once, after the restarts, by their prefix: queues and locks beside them stay, unless dr.yaml says that there are none. A store that can't be reached
//       is named as left to do by hand, and keeps no stolen key alive.
//
// Corrected from the runbook: paging is the first step, not the fifth; nothing is scaled to zero, which would destroy what pods know;
// `--data-file=/dev/urandom` never ends; a payment provider's key can't be invented; adding a version reaches no running pod and takes
// the old one from nobody; the log level is left alone, since DEBUG writes secrets into logs that may be read by who broke in.
// Not yet: Redis' AUTH string.
// Data loss: none. Source: runbook 7.1, facts.md 7 and 10.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, millis, minutes, seconds } from '../core/time.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import { type InstanceName, type TargetId, targetId } from '../system/names.ts';
import type { Application, DatabasePasswordSecret, IssuedSecret, Secret, System } from '../system/system.ts';
import { systemTarget } from '../system/topology.ts';
import { passwordSteps, type PasswordSteps } from './breach-passwords.ts';
import { type EvidenceFacts, type EvidenceSteps, evidenceSteps } from './breach-evidence.ts';
import { type IsolationSteps, isolationSteps, type IsolationWish } from './breach-isolation.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface BreachResponseFacts {
  readonly at: Instant;
  /** The versions of each secret, newest first; one that could not be read is missing. */
  readonly versions: ReadonlyMap<string, readonly { readonly version: string; readonly enabled: boolean }[]>;
  /** The primary of each database as it is now; one that could not be read is missing. */
  readonly primaries: ReadonlyMap<InstanceName, InstanceName>;
  readonly evidence: EvidenceFacts;
  /** Applications that people want cut off. */
  readonly isolate: readonly IsolationWish[];
  readonly warnings: readonly GuardBlock[];
}

/** How long people have to get a new value from its issuer. */
const ISSUER_WITHIN = minutes(60 * 24);

/** A rolling restart of ten replicas, each of which takes a minute to be ready. */
const RESTART_WITHIN = minutes(20);

/** A secret that can be replaced: what it is, the version that is the newest now, and all that are enabled. */
type Replaced<S extends Secret = Secret> = S & { readonly before: string; readonly enabled: readonly string[] };

/** What the steps of one plan share. */
interface Around {
  readonly incident: string;
  readonly evidence: EvidenceSteps;
  readonly isolation: IsolationSteps;
  readonly passwords: PasswordSteps;
}

/** Draws the plan from the facts alone; a sentence when there is nothing that it could replace. */
export function drawBreachResponse(
  system: System,
  incident: string,
  scenario: string,
  facts: BreachResponseFacts,
): Plan | string {
  if (system.rotation.length === 0) return 'dr.yaml names no secret that could be replaced (rotation)';
  const replaced = replaceable(system, facts);
  const unread = system.rotation
    .map(({ name }) => name)
    .filter((name) => !replaced.some((known) => known.name === name));
  if (replaced.length === 0) return `the versions of ${unread.join(', ')} can’t be read`;
  const readers = system.applications.filter(({ id }) => replaced.some(({ readBy }) => readBy.includes(id)));
  const target = systemTarget(system);
  const evidence = evidenceSteps(readers, facts.evidence, target, incident);
  const isolation = isolationSteps(system, facts.isolate);
  const urls = replaced.filter(
    (secret): secret is Replaced<DatabasePasswordSecret> => secret.kind === 'databasePassword',
  );
  const rotations = replaced.filter(({ kind }) => kind === 'generated').map(({ name }) => `rotate-${name}`);
  const first = { needs: rotations, after: evidence.kept, cutOff: new Set(isolation.by.keys()) };
  const passwords = passwordSteps(urls, facts.primaries, first, system.guards);
  const around: Around = { incident, evidence, isolation, passwords };
  const own = [...evidence.warnings, ...isolation.warnings];
  const drafts = [
    ...isolation.drafts,
    ...evidence.drafts,
    ...rotationsOf(replaced, target, around),
    ...passwords.drafts,
    ...evidence.clonesAfter(urls.flatMap(({ name }) => passwords.settled(name))),
    ...generated(replaced, readers, target, around),
    ...sessions(system, replaced, readers, { target, isolation }),
    ...issued(replaced, readers, target, around),
  ];
  return {
    version: 1,
    incident,
    runbook: 'breach-response',
    scenario,
    target,
    holds: [
      ...new Set([
        target,
        ...[...readers, ...facts.isolate.map(({ application }) => application)].map(targetOfApplication),
        ...urls.map(({ instance }) => targetId(`database/${instance}`)),
      ]),
    ],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: [],
    // A plan that is drawn again gets the warnings of the first drawing, its own among them.
    warnings: [...own, ...facts.warnings.filter(({ guard }) => !own.some((known) => known.guard === guard))],
    bounds: { observedAtMs: facts.at, topology: [] },
    failback: [
      'Old versions are disabled and not destroyed: an enabled one can be had back by hand.',
      ...(isolation.by.size === 0
        ? []
        : [`Cut off until people approve ./dr trigger lift-isolation: ${[...isolation.by.keys()].join(', ')}.`]),
      `Not done by this plan: ${[...(isolation.by.size === 0 ? ['isolating anything'] : []), ...(urls.length === 0 ? ['the database’s password'] : []), 'Redis’ AUTH string'].join(', ')}.`,
      ...(urls.length === 0 ? [] : [OPEN_SESSIONS]),
      ...(unread.length === 0 ? [] : [`Not in this plan, since it could not be read: ${unread.join(', ')}.`]),
    ].join(' '),
  };
}

const targetOfApplication = ({ id }: Application): TargetId => targetId(`application/${id}`);

/** What a new password takes from nobody. */
const OPEN_SESSIONS =
  'Sessions of the database that are open when its password changes go on: whoever is in must be ended by hand (pg_terminate_backend).';

/** What can be replaced, with the version that is the newest now. Secrets of one user of a database all or none (P2). */
function replaceable({ rotation }: System, { versions, primaries }: BreachResponseFacts): readonly Replaced[] {
  const isKnown = (secret: Secret): boolean =>
    versions.get(secret.name)?.[0] !== undefined &&
    (secret.kind !== 'databasePassword' || primaries.has(secret.instance));
  const isTogether = (secret: Secret): boolean =>
    secret.kind !== 'databasePassword' ||
    rotation.every(
      (other) =>
        other.kind !== 'databasePassword' ||
        other.instance !== secret.instance ||
        other.user !== secret.user ||
        isKnown(other),
    );
  return rotation.flatMap((secret): readonly Replaced[] => {
    const known = versions.get(secret.name) ?? [];
    const enabled = known.filter((one) => one.enabled).map(({ version }) => version);
    return known[0] === undefined || !isKnown(secret) || !isTogether(secret)
      ? []
      : [{ ...secret, before: known[0].version, enabled }];
  });
}

/** Random values for what nobody issues. */
function rotationsOf(all: readonly Replaced[], target: TargetId, around: Around): readonly StepDraft[] {
  return all
    .filter((secret) => secret.kind === 'generated')
    .map((secret) => ({
      id: `rotate-${secret.name}`,
      action: 'rotate-secret',
      input: { secret: secret.name, before: secret.before, bytes: secret.bytes },
      title: `Give ${secret.name} a new random value instead of version ${secret.before}`,
      target,
      needs: [],
      after: around.evidence.kept,
      stage: 'execute',
      estimate: seconds(5),
      limit: minutes(20),
    }));
}

/**
 * What is made here: once all of it is settled one restart of each reader, then the end of the old values. A reader of nothing but a
 * database's URL is restarted only if its password is a new one, and its failure ends nothing else.
 */
function generated(
  all: readonly Replaced[],
  readers: readonly Application[],
  target: TargetId,
  around: Around,
): readonly StepDraft[] {
  const { passwords } = around;
  const own = all.filter(({ kind }) => kind !== 'issued');
  const restarts = readers.flatMap((application): readonly StepDraft[] => {
    const read = own.filter(({ readBy }) => readBy.includes(application.id));
    const random = read.filter(({ kind }) => kind === 'generated');
    const urls = read.filter(({ kind }) => kind === 'databasePassword');
    const id = `restart-${application.id}`;
    const settled = urls.flatMap(({ name }) => passwords.settled(name));
    if (random.length > 0) {
      const needs = all.filter(({ kind }) => kind === 'generated').map(({ name }) => `rotate-${name}`);
      return [restart(application, { read, instead: random }, { needs, after: settled, id }, around)];
    }
    if (urls.length === 0) return [];
    const needs = urls.map(({ name }) => passwords.set(name));
    return [
      { ...restart(application, { read, instead: urls }, { needs, after: settled, id }, around), optional: true },
    ];
  });
  const ends = own.flatMap((secret) => {
    const drafts = endOf(secret, target, around, (id) => `restart-${id}`);
    if (secret.kind !== 'databasePassword') return drafts;
    const needs = [passwords.set(secret.name)];
    return drafts.map((draft) => ({ ...draft, needs: [...needs, ...draft.needs], optional: true }));
  });
  return [...restarts, ...ends];
}

/** Sessions that a store holds end when their readers have the new keys: whoever signs in then does so by those (B6). */
function sessions(
  system: System,
  all: readonly Replaced[],
  readers: readonly Application[],
  { target, isolation }: { readonly target: TargetId } & Pick<Around, 'isolation'>,
): readonly StepDraft[] {
  const own = readers.filter(({ id }) => all.some(({ kind, readBy }) => kind === 'generated' && readBy.includes(id)));
  const restarted = own.filter(({ id }) => !isolation.by.has(id)).map(({ id }) => `restart-${id}`);
  const cutOff = own.flatMap(({ id }) => (isolation.by.has(id) ? [isolation.by.get(id) ?? '', `restart-${id}`] : []));
  return system.sessions.map(({ id, instance, prefix, only, database }) => ({
    id: `end-${id}`,
    action: 'end-sessions',
    input: { store: id },
    title: `End every session in ${instance} (${only ? `FLUSHDB of database ${database}, which holds nothing else` : `keys that begin with ${prefix}`}); everybody signs in again`,
    target,
    needs: restarted,
    after: cutOff,
    stage: 'execute',
    optional: true,
    estimate: seconds(30),
    limit: minutes(20),
  }));
}

/** What only its issuer can make: each for itself, however long it takes. */
function issued(
  all: readonly Replaced[],
  readers: readonly Application[],
  target: TargetId,
  around: Around,
): readonly StepDraft[] {
  return all
    .filter((secret): secret is Replaced<IssuedSecret> => secret.kind === 'issued')
    .flatMap((secret) => {
      const { name, before, person, issuer, instructions } = secret;
      const nameOf = (id: string): string => `restart-${id}-for-${name}`;
      const ask: StepDraft = {
        id: `ask-${name}`,
        action: 'await-issued-secret',
        input: { secret: name, before, person, issuer, instructions },
        title: `${person} gets a new ${name} from ${issuer}, adds it, and says so`,
        target,
        needs: [],
        stage: 'after',
        optional: true,
        estimate: minutes(30),
        limit: ISSUER_WITHIN,
      };
      const restarts = readers
        .filter(({ id }) => secret.readBy.includes(id))
        .map((application): StepDraft => {
          const first = all.some(({ kind, readBy }) => kind === 'generated' && readBy.includes(application.id));
          const needs = [ask.id, ...(first ? [`restart-${application.id}`] : [])];
          const id = nameOf(application.id);
          const about = { read: [secret], instead: [secret] };
          return { ...restart(application, about, { needs, after: [], id }, around), stage: 'after', optional: true };
        });
      return [
        ask,
        ...restarts,
        ...endOf(secret, target, around, nameOf).map((draft) => ({ ...draft, optional: true })),
      ];
    });
}

/** A reader that is cut off is not restarted (C2 of breach-isolation.ts); one that could not be cut off is. */
function restart(
  application: Application,
  { read, instead }: { readonly read: readonly Replaced[]; readonly instead: readonly Replaced[] },
  { needs, after, id }: { readonly needs: readonly string[]; readonly after: readonly string[]; readonly id: string },
  { incident, evidence, isolation }: Around,
): StepDraft {
  const cutOff = isolation.by.get(application.id);
  return {
    id,
    action: 'restart-application',
    input: {
      application: application.id,
      stamp: `${incident}/${id}`,
      instead: instead.map(({ name, before }) => ({ secret: name, version: before })),
    },
    title: `Restart every copy of ${application.id}, one after the other, to read ${read.map(({ name }) => name).join(', ')} anew`,
    target: targetOfApplication(application),
    needs,
    ...(cutOff === undefined ? {} : { unless: [cutOff] }),
    after: [...evidence.sealed, ...new Set(after)],
    stage: 'execute',
    estimate: minutes(3),
    limit: RESTART_WITHIN,
  };
}

/** The grace, where there is one, and then the end of every version that was enabled (B3). */
function endOf(
  { name, enabled, grace, readBy }: Replaced,
  target: TargetId,
  { incident, isolation }: Around,
  restartOf: (id: string) => string,
): readonly StepDraft[] {
  // A restart that makes way for an isolation is not done, and what needs it would be left out: the step itself looks at who is cut off.
  const needs = readBy.filter((id) => !isolation.by.has(id)).map(restartOf);
  const after = readBy.flatMap((id) => (isolation.by.has(id) ? [isolation.by.get(id) ?? '', restartOf(id)] : []));
  const pass: StepDraft = {
    id: `grace-${name}`,
    action: 'pass-grace',
    input: { secret: name, graceMs: grace },
    title: `Leave the former versions of ${name} enabled for their grace`,
    target,
    needs,
    after,
    stage: 'after',
    estimate: grace,
    limit: millis(grace + minutes(10)),
  };
  const ends = enabled.map(
    (version): StepDraft => ({
      id: `disable-${name}-${version}`,
      action: 'disable-secret-version',
      input: {
        secret: name,
        version,
        readers: readBy.map((id) => ({
          application: id,
          restarted: restartOf(id),
          stamps: `${incident}/`,
          ...cutOffBy(id),
        })),
      },
      title: `Disable version ${version} of ${name}; it is kept for forensics`,
      target,
      needs: grace > 0 ? [...needs, pass.id] : needs,
      after,
      stage: 'after',
      estimate: seconds(5),
      limit: minutes(20),
    }),
  );
  function cutOffBy(id: string): { readonly cutOff?: string } {
    const step = isolation.by.get(id);
    return step === undefined ? {} : { cutOff: step };
  }
  return grace > 0 ? [pass, ...ends] : ends;
}
