import { DBOS } from '@dbos-inc/dbos-sdk';
import { effectOf, type Play, playAsTold } from '../step-player.ts';

// The runs as workflows of DBOS, on the PostgreSQL that `DATABASE` names. What a killed process left goes on at `launch`.

const run = DBOS.registerWorkflow(
  async (steps: number): Promise<void> => {
    for (let step = 1; step <= steps; step += 1) await DBOS.runStep(() => effectOf(step), { name: `step-${step}` });
  },
  { name: 'run' },
);

DBOS.setConfig({
  name: 'durable-step',
  systemDatabaseUrl: process.env['DATABASE'],
  applicationVersion: '1',
  runAdminServer: false,
  logLevel: 'error',
});
await DBOS.launch();
playAsTold(async (play: Play) => {
  const handle = await DBOS.startWorkflow(run, { workflowID: play.run })(play.steps);
  await handle.getResult();
});
