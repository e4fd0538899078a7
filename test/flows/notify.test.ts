import { describe, expect, it } from '@jest/globals';
import { sha256 } from '../../shared/core/digest.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { tell } from '../../shared/incident/telling.ts';
import { isOutstanding } from '../../shared/incident/outstanding.ts';
import type { Delivery } from '../../shared/ports/messages.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { askedStage } from '../approvals/asked.ts';

describe('notices', () => {
  it('bring each approver a link of their own, and nobody else one', async () => {
    const stage = await askedStage();

    await notifyIncident(stage.id, stage.home);

    const links = stage.delivered.filter(({ link }) => link !== undefined);
    expect(links.map(({ destination }) => destination).toSorted()).toEqual([
      'cto-pager',
      'eng-lead-pager',
      'oncall-pager',
      'terminal',
    ]);
    expect(new Set(links.map(({ link }) => link)).size).toBe(links.length);
    expect(stage.delivered.find(({ destination }) => destination === 'security-pager')?.link).toBeUndefined();
  });

  it('carry no token in the path of a link', async () => {
    const stage = await askedStage();
    await notifyIncident(stage.id, stage.home);

    for (const { link } of stage.delivered) {
      if (link === undefined) continue;
      expect(link.split('#')[0]).not.toMatch(/eyJ/);
      expect(link.split('#')[1]).toMatch(/^a=eyJ.+&d=eyJ/);
    }
  });

  it.each(['says no', 'does not answer'])('reach everybody else when one receiver %s', async (how) => {
    const stage = await askedStage();
    const reached: string[] = [];
    const delivery: Delivery = {
      deliver: async (destination) => {
        if (destination !== 'terminal') {
          reached.push(destination);
          return { delivered: true, detail: 'ok' };
        }
        if (how === 'says no') return { delivered: false, detail: 'http 500' };
        throw new PortError('ambiguous', 'timeout', 'delivering to terminal');
      },
    };

    await notifyIncident(stage.id, { ...stage.home, delivery });

    const approval = [...(await stage.state()).notices.values()].find(({ notice }) => notice.kind === 'approval');
    expect(new Set(reached).size).toBe(4);
    expect(approval).toMatchObject({ missed: ['terminal'], attempts: 1 });
    expect(approval?.delivered.toSorted()).toEqual(['cto-pager', 'eng-lead-pager', 'oncall-pager', 'security-pager']);
  });

  it('wait for no receiver but their own', async () => {
    const stage = await askedStage();
    const others = Promise.withResolvers<void>();
    const reached = new Set<string>();
    const delivery: Delivery = {
      deliver: async (destination) => {
        // The terminal answers only once everybody else has been asked.
        if (destination === 'terminal') await others.promise;
        else if (reached.add(destination).size === 4) others.resolve();
        return { delivered: true, detail: 'ok' };
      },
    };

    await notifyIncident(stage.id, { ...stage.home, delivery });

    expect(reached.size).toBe(4);
  });

  it('that are urgent are tried until everybody has them, and each try makes a new link', async () => {
    const stage = await askedStage();
    stage.dead.add('oncall-pager');
    for (let round = 0; round < 12; round += 1) {
      await notifyIncident(stage.id, stage.home);
      stage.clock.advance(minutes(1));
    }
    stage.dead.clear();
    await notifyIncident(stage.id, stage.home);

    const asked = stage.delivered.filter(({ subject }) => subject.startsWith('Approve'));
    expect(asked.map(({ destination }) => destination).toSorted()).toEqual([
      'cto-pager',
      'eng-lead-pager',
      'oncall-pager',
      'security-pager',
      'terminal',
    ]);
    const links = (await stage.state()).approvals[0]?.links.filter(({ approver }) => approver === 'oncall') ?? [];
    expect(links).toHaveLength(1 + 13);
    expect(new Set(links.flatMap(({ tokenIds }) => tokenIds)).size).toBe(2 * links.length);
  });

  it('that are urgent and have missed somebody are due again, so that tick finds them', async () => {
    const stage = await askedStage();
    stage.dead.add('oncall-pager');
    await notifyIncident(stage.id, stage.home);
    const due = async (): Promise<boolean> =>
      (await stage.home.store.log.due(stage.clock.now(), 10)).some(({ incident }) => incident === stage.id);
    await stage.look();
    expect(await due()).toBe(false);

    stage.clock.advance(seconds(31));

    expect(await due()).toBe(true);
  });

  it('that are ordinary have arrived when anybody has them, and are given up after eight tries', async () => {
    const stage = await askedStage();
    const journal = await stage.journal();
    const say = (id: string) => journal.append(() => [tell(id, 'progress', id, 'news')]);
    await notifyIncident(stage.id, stage.home);
    await say('to one');
    for (const { id } of stage.home.system.notifications) if (id !== 'terminal') stage.dead.add(id);
    await notifyIncident(stage.id, stage.home);
    await say('to nobody');
    stage.dead.add('terminal');
    for (let round = 0; round < 12; round += 1) {
      await notifyIncident(stage.id, stage.home);
      stage.clock.advance(minutes(1));
    }

    const { notices } = await stage.state();
    expect(notices.get('to one')).toMatchObject({ delivered: ['terminal'], attempts: 1 });
    expect(notices.get('to nobody')).toMatchObject({ delivered: [], attempts: 8 });
  });

  it('that ask for an approval are dropped once it can’t be given any more', async () => {
    const stage = await askedStage();
    stage.clock.advance(minutes(16));

    await notifyIncident(stage.id, stage.home);

    const state = await stage.state();
    const request = [...state.notices.values()].find(({ notice }) => notice.kind === 'approval');
    expect(stage.delivered.filter(({ subject }) => subject.startsWith('Approve'))).toEqual([]);
    expect(request && isOutstanding(state, request, stage.clock.now())).toBe(false);
  });

  it('make a link known to the log, by its hash alone, before anybody has it', async () => {
    const stage = await askedStage();
    const unknown: string[] = [];
    const delivery: Delivery = {
      deliver: async (destination, { link }) => {
        const links = (await stage.state()).approvals[0]?.links ?? [];
        const opaque = link === undefined ? undefined : new URL(link).pathname.split('/').at(-1);
        if (opaque !== undefined && !links.some(({ opaqueHash }) => opaqueHash === sha256(opaque)))
          unknown.push(destination);
        return { delivered: true, detail: '' };
      },
    };

    await notifyIncident(stage.id, { ...stage.home, delivery });

    expect(unknown).toEqual([]);
    expect((await stage.state()).approvals[0]?.links).toHaveLength(4);
  });

  it('are delivered by one of two that try at once', async () => {
    const stage = await askedStage();

    await Promise.all([notifyIncident(stage.id, stage.home), notifyIncident(stage.id, stage.home)]);

    expect(
      stage.delivered.filter(({ destination, subject }) => destination === 'terminal' && subject.startsWith('Approve')),
    ).toHaveLength(1);
  });
});
