import { seconds } from '../../shared/core/time.ts';
import { IMPORT_ROWS } from '../../shared/ports/copy-labels.ts';
import { DELETE_CLONES, RELEASE_WRITER } from '../../shared/ports/recovery-words.ts';
import type { Deed } from './plot.ts';
import { breaks, type Scene } from './scenes.ts';

// Rows that are spoilt or deleted, drawn apart: a person asks for them, and says in the end what is to be done with the clone.

const ends = (ms: number, ...walls: readonly string[]) =>
  walls.map((wall, index) => ({
    ms: ms + seconds(20 * index),
    deed: { kind: 'operate', operation: { by: 'wish', verb: 'accept', wall } } satisfies Deed,
  }));

const asksForRows = (ms: number) => ({
  ms,
  deed: {
    kind: 'operate',
    operation: { by: 'command', verb: 'start', runbook: 'point-in-time-recovery' },
  } satisfies Deed,
});

const recovery = (name: string, weight: number, play: Scene['play']): Scene => ({
  name,
  weight,
  runbook: 'recovery',
  play,
});

/** Rows that are spoilt or gone, and a person who notices. Drawn by a choice of their own, so that they shift no other story. */
export const RECOVERIES: readonly [Scene, ...Scene[]] = [
  recovery('rows spoilt', 4, (chance) => [breaks(0, 'data-corruption'), asksForRows(seconds(chance.between(20, 300)))]),
  recovery('rows spoilt, and it is ended', 4, (chance) => [
    breaks(0, 'data-corruption'),
    asksForRows(seconds(chance.between(20, 200))),
    ...ends(
      seconds(chance.between(200, 600)),
      ...(chance.next() < 0.5 ? [RELEASE_WRITER, DELETE_CLONES] : [DELETE_CLONES]),
    ),
  ]),
  recovery('rows spoilt, and brought back', 4, (chance) => [
    breaks(0, 'data-corruption'),
    asksForRows(seconds(chance.between(20, 200))),
    ...ends(seconds(chance.between(100, 600)), IMPORT_ROWS),
  ]),
  recovery('rows deleted, and brought back', 3, (chance) => [
    breaks(0, 'mass-delete', chance.pick(['tenant', 'table'] as const)),
    asksForRows(seconds(chance.between(70, 300))),
    ...ends(seconds(chance.between(100, 600)), IMPORT_ROWS),
  ]),
  recovery('rows deleted', 2, (chance) => [
    breaks(0, 'mass-delete', chance.pick(['tenant', 'table'] as const)),
    asksForRows(seconds(chance.between(70, 300))),
  ]),
  recovery('rows spoilt, primary lost', 2, (chance) => [
    breaks(0, 'data-corruption'),
    asksForRows(seconds(chance.between(20, 200))),
    breaks(seconds(chance.between(60, 900)), 'primary-database', 'refuses'),
  ]),
];
