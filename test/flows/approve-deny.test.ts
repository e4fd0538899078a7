import { describe, expect, it } from '@jest/globals';
import { RECOVER_CATALOGUE } from '../../shared/actions/catalogue.ts';
import { type Action, type Catalogue, failure, type Progress } from '../../shared/engine/action.ts';
import { decide } from '../../shared/flows/approve.ts';
import { type RunHome, runIncident } from '../../shared/flows/run-incident.ts';
import { event } from '../../shared/incident/events.ts';
import type { World } from '../../shared/ports/ports.ts';
import { personId } from '../../shared/system/names.ts';
import type { Database } from '../../shared/system/system.ts';
import { type AskedStage, askedStage } from '../approvals/asked.ts';
import { opened, type OpenedLink, post } from '../approvals/links.ts';

// A deny while a run is under way: it stops the plan until the committed section has begun, and not after that.

const DID_NOT_HELP: Progress = { kind: 'failed', failure: failure('notVerified', 'didNotHelp', 'it did not help') };

/** Every action of recover does nothing and is done at once (a remedy helps nobody), and tells which destructive ones were begun. */
function hollow(begun: string[], before: (kind: string) => Promise<void>): Catalogue {
  return Object.fromEntries(
    Object.values(RECOVER_CATALOGUE).map((action): [string, Action] => [
      action.kind,
      {
        ...action,
        observe: async () => {
          await before(action.kind);
          return { kind: 'toDo', version: null };
        },
        start: async () => {
          if (action.risk === 'destructive') begun.push(action.kind);
          return action.kind === 'verify-primary-serves' ? DID_NOT_HELP : { kind: 'done', detail: 'so it is' };
        },
        verify: async () => ({ ok: true, detail: '' }),
      },
    ]),
  );
}

/**
 * Lets oncall approve and recover run; `then` happens when an action of that kind is about to be looked at, or when the
 * `operations` are, which is the last thing before an intent.
 */
async function approvedRun(
  at: string,
  then: (stage: AskedStage, cto: OpenedLink) => Promise<void>,
  remedies?: Database['remedies'],
) {
  const stage = await askedStage(undefined, undefined, remedies);
  const [oncall, cto] = [await opened(stage), await opened(stage, 'cto-pager')];
  await decide(post(oncall, oncall.approve), stage.home);
  const begun: string[] = [];
  let isDue = true;
  const happens = async (what: string): Promise<void> => {
    if (what !== at || !isDue) return;
    isDue = false;
    await then(stage, cto);
  };
  const databases: World['databases'] = {
    ...stage.world.databases,
    operations: async () => {
      await happens('operations');
      return [];
    },
  };
  const home: RunHome = {
    ...stage.home,
    world: { ...stage.world, databases },
    role: 'recover',
    catalogue: hollow(begun, happens),
  };
  await runIncident(stage.id, home);
  return { begun, state: await stage.state() };
}

const denyByCto = async (stage: AskedStage, cto: OpenedLink): Promise<void> => {
  await decide(post(cto, cto.deny), stage.home);
};

describe('a run that was approved', () => {
  it('goes to its end when nobody denies it', async () => {
    const { begun, state } = await approvedRun('confirm-database-failed', async () => undefined);

    expect(begun).toContain('promote-replica');
    expect(state.phase.kind).toBe('resolved');
  });

  it('begins nothing destructive when somebody denies it before its committed section', async () => {
    const { begun, state } = await approvedRun('confirm-database-failed', denyByCto);

    expect(begun).toEqual([]);
    expect(state.phase).toEqual({ kind: 'needsPerson', because: 'denied by cto' });
  });

  it.each(['hold-workload', 'operations'])(
    'begins nothing destructive when the deny arrives right before the first change (%s)',
    async (moment) => {
      const { begun, state } = await approvedRun(moment, denyByCto);

      expect(begun).toEqual([]);
      expect(state.approvals[0]?.decisions).toHaveLength(2);
    },
  );

  it('ends after a remedy that did not help when somebody denies it before its committed section', async () => {
    const remedies = ['wait', 'restart', 'promote'] as const;
    const approved = await approvedRun('verify-primary-serves', async () => undefined, remedies);
    const denied = await approvedRun('verify-primary-serves', denyByCto, remedies);

    expect(approved.begun).toEqual(expect.arrayContaining(['restart-instance', 'promote-replica']));
    expect(denied.begun).toEqual(['restart-instance']);
    expect(denied.state.phase).toEqual({ kind: 'needsPerson', because: 'denied by cto' });
  });

  it('goes on when somebody denies it inside its committed section', async () => {
    const { begun, state } = await approvedRun('stop-instance', denyByCto);

    expect(begun).toContain('promote-replica');
    expect(state.approvals[0]?.decisions.map(({ decision }) => decision)).toEqual(['approve']);
  });

  it('goes on although a signed deny has come into its log inside the committed section', async () => {
    const { begun, state } = await approvedRun('stop-instance', (stage, { deny }) => write(stage, deny));

    expect(begun).toContain('promote-replica');
    expect(state.approvals[0]?.decisions.map(({ decision }) => decision)).toEqual(['approve', 'deny']);
  });

  it('is stopped by no deny that nobody signed', async () => {
    const { begun } = await approvedRun('confirm-database-failed', (stage) => write(stage, 'forged'));

    expect(begun).toContain('promote-replica');
  });

  /** Writes a deny of cto straight into the log. */
  async function write(stage: AskedStage, token: string): Promise<void> {
    const deny = { approver: personId('cto'), identity: null, decision: 'deny' as const, token };
    const journal = await stage.journal();
    await journal.append(({ approvals }) => [event('decided', { approval: approvals[0]?.id ?? '', ...deny })]);
  }
});
