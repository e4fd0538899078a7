import { describe, expect, it } from '@jest/globals';
import { incidentsCommand, showCommand } from '../../cli/incidents.ts';
import { openSqliteStore } from '../../shared/store/sqlite-store.ts';
import { planted } from '../flows/planted.ts';
import { flowStage } from '../flows/stage.ts';
import { appendOfTomorrow } from '../flows/tomorrow.ts';
import { withFile } from '../store/sqlite-file.ts';

/** A store with an incident of ours, and one whose log ends with what another version wrote. */
const withBoth = (test: (path: string, ids: { readonly theirs: string }) => Promise<void>) =>
  withFile(async (path) => {
    const { home } = flowStage(undefined, (clock) => openSqliteStore({ path, clock }));
    await planted(home, 'ours');
    const theirs = await planted(home, 'theirs');
    await appendOfTomorrow(home, theirs.id);
    await test(path, { theirs: theirs.id });
  });

describe('a log that another version wrote', () => {
  it('hides no other incident from ./dr incidents, and is named there for what it is', () =>
    withBoth(async (path) => {
      const { stdout } = await incidentsCommand(path, { json: true });

      const phases = (JSON.parse(stdout) as { incidents: { incident: string; phase: string }[] }).incidents;
      expect(Object.fromEntries(phases.map(({ incident, phase }) => [incident, phase]))).toEqual({
        'inc-ours': 'suspected',
        'inc-theirs': 'not understood',
      });
    }));

  it('can be printed record by record, for the version that reads it and for ./dr verify', () =>
    withBoth(async (path, { theirs }) => {
      const { stdout } = await showCommand(path, theirs, { json: true, follow: false });

      const kinds = stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { kind: string }).kind);
      expect(kinds).toEqual(['opened', 'weatherChanged']);
    }));
});
