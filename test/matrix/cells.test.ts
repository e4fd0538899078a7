import { describe, expect, it } from '@jest/globals';
import { cellId, cellName, chosenCells, halves, together } from './cells.ts';

const all = chosenCells({ quick: false });

describe('the cells of the matrix', () => {
  it('each have a name of their own, by which the command line finds one', () => {
    expect(new Set(all.map(cellId)).size).toBe(all.length);
    expect(chosenCells({ cells: 'region-failback promote/after', quick: false }).map(cellName)).toEqual([
      'promote/after',
    ]);
  });

  it('share a run with those of the same story, in which no step has its worker killed twice while it is under way', () => {
    const runs = together(all);
    expect(runs.flat()).toHaveLength(all.length);
    for (const cells of runs) {
      expect(new Set(cells.map(({ story }) => story.name)).size).toBe(1);
      const within = cells.filter(({ point }) => point === 'intent-effect' || point === 'effect-outcome');
      expect(new Set(within.map(({ plan, row }) => cellId({ plan, row, point: 'after' }))).size).toBe(within.length);
    }
  });

  it('that run side by side don’t die by turns in one run', () => {
    const within = together(chosenCells({ story: 'point-in-time-recovery', quick: false }))
      .filter((cells) => cells.some(({ point }) => point === 'intent-effect'))
      .map((cells) => cells.map(({ row }) => row.step));
    expect(within.length).toBeGreaterThan(1);
    expect(within.filter((steps) => steps.length > 8)).toEqual([]);
    const rows = [
      ...new Set(all.filter(({ story }) => story.name === 'point-in-time-recovery').map(({ row }) => row.step)),
    ];
    for (const steps of within)
      for (const [index, step] of steps.entries())
        if (index > 0) expect(rows.indexOf(step) - rows.indexOf(steps[index - 1] ?? '')).toBeGreaterThan(1);
  });

  it('of a story whose steps run side by side are eight to a run', () => {
    const sizes = together(chosenCells({ story: 'breach', quick: false })).map(({ length }) => length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8);
  });

  it('are halved until one is alone', () => {
    const five = all.slice(0, 5);
    expect(halves(five).map((half) => half.length)).toEqual([3, 2]);
    expect(halves(five).flat()).toEqual(five);
    expect(halves(all.slice(0, 1))).toEqual([]);
  });

  it('that are played in each build are the two at the point of no return', () => {
    expect(chosenCells({ quick: true }).map(cellId)).toEqual([
      'database-failover promote/intent-effect',
      'database-failover promote/effect-outcome',
    ]);
  });
});
