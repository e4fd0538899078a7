import { describe, expect, it } from '@jest/globals';
import { operateCommand, publishCommand } from '../../cli/commands.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { changes, effects, leaks, unbalanced, withoutService } from './judge.ts';
import { approveWhenAsked, onStage, READING, type Stage } from './story.ts';

const COPY = REFERENCE.restored;
const CREATED = `cloudsql.instances.create instances/${COPY}`;
const FILLED = `cloudsql.instances.restoreBackup instances/${COPY}:restoreBackup`;

const askForIt = ({ sandbox: { facts } }: Stage) =>
  publishCommand(
    facts,
    { command: 'start', runbook: 'backup-restore', target: undefined, reason: 'documents are missing since the night' },
    { json: true },
  );

const accept = ({ sandbox: { facts } }: Stage, incident: string, wall: string) =>
  operateCommand(facts, { verb: 'accept', incident, wall, reason: 'we have looked at it' }, { json: true });

describe('a person asks for what was there before', () => {
  it('gets a copy that is whole, and is told what production has that it lacks; production is only read', () =>
    onStage({ name: 'restore' }, async (stage) => {
      await askForIt(stage);
      await approveWhenAsked(stage);

      const { state } = await stage.settled();

      expect(state.phase).toMatchObject({
        kind: 'needsPerson',
        because: expect.stringMatching(/documents: \d+ rows newer in production/),
      });
      expect(changes(stage)).toEqual([CREATED, FILLED]);
      const history = stage.sandbox.world.sql.fleet.server(COPY).history;
      expect(history.applicationRows()).toContain('before-100');
      expect(withoutService(stage)).toEqual([]);
      await stage.until('a person is told how to hand it over', () =>
        Promise.resolve(stage.paged.find(({ text }) => text.includes('hand-over-restore'))),
      );
      expect(unbalanced(stage)).toEqual([]);
      expect(leaks(stage)).toEqual([]);
    }));

  it('moves everybody to it on their word, once they have accepted what is lost', () =>
    onStage({ name: 'restore-handed-over' }, async (stage) => {
      await askForIt(stage);
      await approveWhenAsked(stage);
      const { state } = await stage.settled();
      await accept(stage, state.id, 'hand-over-restore');
      await stage.until('the loss holds it back', async () =>
        (await stage.incident(state.id)).state.phase.kind === 'held' ? true : undefined,
      );
      expect(stage.sandbox.world.primaryInUse()).toBe('coditect-dms-db');
      const told = stage.paged.length;
      await accept(stage, state.id, 'accept-loss');
      const { links } = await stage.asked('oncall', told);
      await stage.pass(READING);
      await stage.decide(links, 'approve');

      const after = await stage.until('it is resolved', async () => {
        const found = await stage.incident(state.id);
        return found.state.phase.kind === 'resolved' ? found : undefined;
      });

      expect(after.state.measures?.['rto']).not.toBeNull();
      expect(stage.sandbox.world.primaryInUse()).toBe(COPY);
      expect(stage.sandbox.world.sql.fleet.server('coditect-dms-db').power).toBe('stopped');
      expect(effects(stage, 'cloudsql.instances.promoteReplica')).toEqual([]);
      await stage.pass(minutes(1));
      expect(withoutService(stage)).toEqual([]);
      expect(unbalanced(stage)).toEqual([]);
    }));
});
