import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { REFERENCE_EVIDENCE } from '../../sandbox/world/reference-world.ts';
import { sha256 } from '../../shared/core/digest.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { atEach, calm, later, troubles } from './calm.ts';
import { violations } from './invariants.ts';
import type { Deed, Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// Somebody has the key of the sessions. What a breach response was worth is judged by what the applications let that somebody in to.

const LEAK: Happening = later(0, { kind: 'break', fault: 'leaked-secret' });
const REPORT: Happening = later(minutes(1), {
  kind: 'operate',
  operation: { by: 'command', verb: 'start', runbook: 'breach-response' },
});
const ISSUED: Happening = later(minutes(12), { kind: 'hand', what: 'addPaymentKey' });
const SAID: Happening = later(minutes(14), {
  kind: 'operate',
  operation: { by: 'wish', verb: 'acknowledge', step: `ask-${REFERENCE.paymentSecret}` },
});

/** Plays a breach in which everything must hold; the security lead approves at once unless told otherwise. */
async function played(happenings: readonly Happening[], more: Partial<Plot> = {}): Promise<Run> {
  const plot = { ...calm([], { habits: { 'security-pager': 'quick' }, endsAtMs: minutes(90), ...more }), happenings };
  const run = await simulate(1, plot);
  expect(violations(run)).toEqual([]);
  return run;
}

const everything = (extra: readonly Happening[] = [], more: Partial<Plot> = {}): Promise<Run> =>
  played([LEAK, REPORT, ISSUED, SAID, ...extra], more);

let undisturbed: Promise<Run> | undefined;

/** The run in which nothing else happens. It is the same each time: those who only look at it share one. */
const uneventful = (): Promise<Run> => (undisturbed ??= everything());

const states = ({ stage }: Run, secret: string): readonly string[] =>
  stage.world.secrets.versions(secret).map(({ number, state }) => `${number} ${state}`);

/** How people are told of the end. */
const endTold = ({ incidents }: Run) =>
  incidents[0]?.events.flatMap((event) =>
    event.kind === 'noticeDue' && event.data.notice.id === 'resolved' ? [event.data.notice] : [],
  )[0];

describe('A stolen key', () => {
  it('lets its thief in until it is replaced, and nowhere after that', async () => {
    const run = await uneventful();

    expect(run.incidents[0]?.state.phase.kind).toBe('resolved');
    expect(endTold(run)).toMatchObject({ urgent: false, subject: expect.stringMatching(/: resolved$/) });
    for (const { admitted, lastAdmittedAt, lastRefusedAt } of run.stage.world.intruder.report()) {
      expect(admitted).toBeGreaterThan(0);
      expect(lastAdmittedAt).toBeLessThan(run.brokenAt + minutes(8));
      expect(lastRefusedAt).toBeGreaterThan(run.brokenAt + minutes(20));
    }
    expect(states(run, REFERENCE.signingSecret)).toEqual(['2 ENABLED', '1 DISABLED']);
  });

  it('costs users nothing: copies are restarted one after the other', async () => {
    const run = await uneventful();

    for (const { acknowledged, outages } of run.stage.load.report()) {
      expect(acknowledged).toBeGreaterThan(100);
      expect(outages).toEqual([]);
    }
  });

  it('ends every session, and leaves the queues and locks beside them', async () => {
    const run = await uneventful();

    expect([...run.stage.world.redis.keys]).toEqual(['queue:thumbnails', 'lock:billing-run']);
    const ends = run.incidents[0]?.events.flatMap((event) =>
      event.kind === 'stepDone' && event.data.step === 'end-sessions' ? [event.data.detail] : [],
    );
    expect(ends).toEqual(['sessions: every session of before (40) is ended; it holds 0 new ones and 2 other keys']);
  });

  it('leaves its evidence where nobody can take it, before a copy is restarted, and a clone of the database', async () => {
    const run = await uneventful();

    const sealed = run.stage.world.storage.list(REFERENCE_EVIDENCE.name, {});
    const texts = sealed.map(({ content }) => Buffer.from(content).toString());
    expect(texts.filter((text) => text.includes('received SIGTERM'))).toEqual([]);
    expect(texts.filter((text) => text.includes('"kind":"Pod"')).length).toBeGreaterThanOrEqual(3);
    const done = run.incidents[0]?.events.flatMap((event) =>
      event.kind === 'stepDone' && event.data.step === 'seal-evidence' ? [event.data.output] : [],
    );
    const manifest = sealed.find(({ name }) => name.includes('/manifest-'));
    expect(done).toEqual([
      expect.objectContaining({
        manifest: manifest?.name,
        generation: String(manifest?.generation),
        sha256: sha256(manifest?.content ?? ''),
        pieces: sealed.length - 1,
      }),
    ]);
    const clone = run.stage.world.sql.fleet.all().find(({ name }) => name.includes('-forensic-'));
    expect(clone?.settings).toMatchObject({
      activationPolicy: 'NEVER',
      deletionProtectionEnabled: true,
      userLabels: { 'dr-incident': run.incidents[0]?.state.id, 'dr-purpose': 'forensics' },
    });
  });

  it('is replaced all the same where no evidence can be kept outside, which is told', async () => {
    const run = await everything([later(0, { kind: 'hand', what: 'closeEvidence' })]);

    expect(states(run, REFERENCE.signingSecret)).toEqual(['2 ENABLED', '1 DISABLED']);
    const end = run.incidents[0]?.events.find(({ kind }) => kind === 'resolved');
    expect(end).toMatchObject({
      data: { text: expect.stringMatching(/Left to do by hand: seal-evidence: .*forbidden/) },
    });
  });

  it('is paged before anything is planned, to the security lead too', async () => {
    const { witness, incidents } = await uneventful();

    const first = witness.pages.find(({ destination }) => destination === 'security-pager');
    expect(first?.subject).toBe('SECURITY BREACH reported');
    const drawn = incidents[0]?.events.find(({ kind }) => kind === 'planDrawn');
    expect(incidents[0]?.events.find(({ kind }) => kind === 'noticeDue')?.sequence).toBeLessThan(drawn?.sequence ?? 0);
  });

  it('stands in no log, no document and no evidence, and neither does the new one', async () => {
    const { kept, stage } = await everything(); // its own: former versions are enabled to be read

    for (const secret of [REFERENCE.signingSecret, REFERENCE.paymentSecret])
      for (const { number, state } of stage.world.secrets.versions(secret)) {
        if (state !== 'ENABLED') stage.world.secrets.setState(secret, String(number), 'ENABLED');
        expect(kept).not.toContain(Buffer.from(stage.world.secrets.access(secret, String(number)).data).toString());
      }
  });

  it('is replaced by 48 random bytes in base64', async () => {
    const { stage } = await uneventful();

    const value = stage.world.secrets.readSecret(REFERENCE.signingSecret) ?? '';
    expect(Buffer.from(value, 'base64')).toHaveLength(48);
  });

  it('is left alone when the approvers deny it', async () => {
    const run = await everything([], { habits: { 'security-pager': 'denies' } });

    expect(states(run, REFERENCE.signingSecret)).toEqual(['1 ENABLED']);
    expect(run.incidents[0]?.state.phase.kind).toBe('needsPerson');
  });

  it.each(troubles('recover', ['before', 'after']))(
    'is replaced once and disabled once when at each step %s',
    async (_what, deed) => {
      const run = await everything(
        atEach(['rotate-secret', 'restart-application', 'end-sessions', 'disable-secret-version'], deed),
      );

      expect(run.incidents[0]?.state.phase.kind).toBe('resolved');
      expect(states(run, REFERENCE.signingSecret)).toEqual(['2 ENABLED', '1 DISABLED']);
      expect(run.stage.world.redis.keys.size).toBe(2);
    },
  );
});

describe('The password of the database', () => {
  const { databaseSecret, databaseUser } = REFERENCE;
  const inForce = ({ stage }: Run): string | undefined =>
    stage.world.sql.fleet.servers.passwordOf('coditect-dms-db', databaseUser);
  const newest = ({ stage }: Run): string => new URL(stage.world.secrets.readSecret(databaseSecret) ?? '').password;
  const former = ({ stage }: Run): string | undefined => stage.world.sql.fleet.servers.logins.get(databaseUser);
  const sets = ({ stage }: Run): number => stage.world.kernel.audit.effects('cloudsql.users.update').length;

  it('is a new one, let in everywhere, and the URL of before is disabled', async () => {
    const run = await uneventful();
    const { servers } = run.stage.world.sql.fleet;

    expect(newest(run)).not.toBe(former(run));
    for (const name of ['coditect-dms-db', 'coditect-dms-db-replica', 'coditect-dms-db-east'])
      expect(servers.passwordOf(name, databaseUser)).toBe(newest(run));
    expect(states(run, databaseSecret)).toEqual(['2 ENABLED', '1 DISABLED']);
    expect(sets(run)).toBe(1);
  });

  it('stands in no log, no document and no evidence, neither the former nor the new one', async () => {
    const run = await uneventful();

    expect(run.kept).not.toContain(newest(run));
    expect(run.kept).not.toContain(former(run));
  });

  it('is replaced although the thief has changed it, which people are told', async () => {
    const run = await everything([later(seconds(30), { kind: 'hand', what: 'changePassword' })]);

    expect(inForce(run)).toBe(newest(run));
    const looked = run.incidents[0]?.events.find(
      (event) => event.kind === 'stepDone' && event.data.step === `confirm-${databaseSecret}`,
    );
    expect(looked).toMatchObject({ data: { detail: expect.stringContaining('ALREADY') } });
  });

  it('stays, and so does what its URL says, where nobody of ours may set it; the stolen key goes all the same', async () => {
    const run = await everything([later(0, { kind: 'hand', what: 'closeUsers' })]);

    expect(newest(run)).toBe(former(run));
    expect(inForce(run)).toBe(former(run));
    expect(states(run, databaseSecret)).toEqual(['3 ENABLED', '2 ENABLED', '1 ENABLED']);
    expect(states(run, REFERENCE.signingSecret)).toEqual(['2 ENABLED', '1 DISABLED']);
    expect(run.incidents[0]?.events.find(({ kind }) => kind === 'resolved')).toMatchObject({
      data: { text: expect.stringMatching(/Left to do by hand: .*set-coditect-dms-database-url/) },
    });
    expect(endTold(run)).toMatchObject({
      urgent: true,
      subject: expect.stringMatching(/resolved, and \d+ steps? (is|are) left/),
    });
  });

  it.each(troubles('recover', ['before', 'after']))(
    'is stored and set once when at each step %s',
    async (_what, deed) => {
      const run = await everything(
        atEach(['confirm-database-user', 'store-password', 'set-database-password', 'put-back-password'], deed),
      );

      expect(run.incidents[0]?.state.phase.kind).toBe('resolved');
      expect(states(run, databaseSecret)).toEqual(['2 ENABLED', '1 DISABLED']);
      expect(inForce(run)).toBe(newest(run));
    },
  );

  it.each(troubles('recover', ['before', 'after']))(
    'is put back once when it can’t be set, and at each step %s',
    async (_what, deed) => {
      const run = await everything([
        later(0, { kind: 'hand', what: 'closeUsers' }),
        ...atEach(['set-database-password', 'put-back-password'], deed),
      ]);

      expect(states(run, databaseSecret)).toEqual(['3 ENABLED', '2 ENABLED', '1 ENABLED']);
      expect(inForce(run)).toBe(newest(run));
    },
  );
});

describe('A key that only its issuer can make', () => {
  it('is asked of the person by name, at once, and holds nothing else up', async () => {
    const run = await played([LEAK, REPORT]);

    const asked = run.witness.pages.filter(({ notice }) => notice.startsWith(`ask/ask-${REFERENCE.paymentSecret}`));
    expect(asked.map(({ destination }) => destination)).toContain('oncall-pager');
    expect(states(run, REFERENCE.signingSecret)).toEqual(['2 ENABLED', '1 DISABLED']);
    expect(states(run, REFERENCE.paymentSecret)).toEqual(['1 ENABLED']);
    expect(run.incidents[0]?.state.phase.kind).toBe('running');
  });

  it('ends its former version only after the new one is there, somebody says so, and its readers have it', async () => {
    const run = await uneventful();

    expect(states(run, REFERENCE.paymentSecret)).toEqual(['2 ENABLED', '1 DISABLED']);
  });

  it('is waited for when somebody says that it is there and it is not', async () => {
    const run = await played([LEAK, REPORT, SAID]);

    expect(states(run, REFERENCE.paymentSecret)).toEqual(['1 ENABLED']);
    expect(run.incidents[0]?.state.phase.kind).toBe('running');
  });

  it('is waited for when it is there and nobody says that it is the right one', async () => {
    const run = await played([LEAK, REPORT, ISSUED]);

    expect(states(run, REFERENCE.paymentSecret)).toEqual(['2 ENABLED', '1 ENABLED']);
    expect(run.incidents[0]?.state.phase.kind).toBe('running');
  });

  it('lets a failover go on meanwhile', async () => {
    const down: Happening = later(minutes(20), { kind: 'break', fault: 'primary-database', variant: 'refuses' });
    const run = await played([LEAK, REPORT, down], {
      habits: { 'security-pager': 'quick', 'oncall-pager': 'quick' },
      brokenAtMs: minutes(25),
      faultsUntilMs: minutes(40),
    });

    const [breach, failover] = run.incidents.toSorted((a, b) => a.state.openedAt - b.state.openedAt);
    expect(breach?.state).toMatchObject({ diagnosis: { scenario: 'security-breach' }, phase: { kind: 'running' } });
    expect(failover?.state).toMatchObject({
      diagnosis: { scenario: 'database-primary-failure' },
      phase: { kind: 'resolved' },
    });
  });
});

describe('A deed that an audit log tells of', () => {
  const deed = (variant: string): Happening => later(0, { kind: 'break', fault: 'intrusion', variant });
  const written = ({ stage }: Run): readonly string[] =>
    stage.world.kernel.audit
      .entries()
      .filter(({ call, result }) => call.writes && result === 'effect' && call.principal.startsWith('dr-'))
      .map(({ call }) => call.permission)
      .filter((permission) => !permission.startsWith('pubsub.'));

  it.each(['secret', 'password', 'role'])('pages everybody once and changes nothing: %s', async (variant) => {
    const run = await played([deed(variant)]);

    expect(run.incidents.map(({ state }) => [state.target, state.phase.kind, state.run])).toEqual([
      ['system/coditect-prod', 'needsPerson', undefined],
    ]);
    const pages = run.witness.pages.map(({ destination, subject }) => `${destination}: ${subject}`);
    expect(pages.toSorted()).toEqual(
      ['cto-pager', 'eng-lead-pager', 'oncall-pager', 'security-pager', 'terminal'].map(
        (destination) => `${destination}: SECURITY: is this a breach?`,
      ),
    );
    expect(written(run)).toEqual([]);
  });

  it('is answered in the same incident once people say that it is a breach, and ends the thief’s access', async () => {
    const run = await played([deed('secret'), later(minutes(3), REPORT.deed), ISSUED, SAID]);

    expect(run.incidents.map(({ state }) => [state.requested, state.phase.kind])).toEqual([
      ['breach-response', 'resolved'],
    ]);
    expect(states(run, REFERENCE.signingSecret)).toEqual(['2 ENABLED', '1 DISABLED']);
    for (const { lastAdmittedAt } of run.stage.world.intruder.report())
      expect(lastAdmittedAt).toBeLessThan(run.brokenAt + minutes(10));
  });

  it('ends where people cancel it, and the next deed is told anew', async () => {
    const cancel: Deed = { kind: 'operate', operation: { by: 'wish', verb: 'cancel' } };
    const run = await played([deed('secret'), later(minutes(5), cancel), later(minutes(10), deed('password').deed)]);

    expect(run.incidents.map(({ state }) => state.phase.kind).toSorted()).toEqual(['dismissed', 'needsPerson']);
  });
});
