import * as restate from '@restatedev/restate-sdk';
import { effectOf, type Play, playAsTold } from '../step-player.ts';

// The runs as invocations of a Restate service that this process serves on `PORT`; the server's addresses are `ADMIN` and `INGRESS`.
// A run is named by its idempotency key: asking for it again attaches to what goes on already.

const { PORT, ADMIN, INGRESS } = process.env;

const runs = restate.service({
  name: 'runs',
  handlers: {
    run: async (context: restate.Context, { steps }: Play): Promise<void> => {
      for (let step = 1; step <= steps; step += 1) await context.run(`step-${step}`, () => effectOf(step));
    },
  },
});

async function post(url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
}

await restate.serve({ services: [runs], port: Number(PORT) });
await post(`${ADMIN}/deployments`, { uri: `http://127.0.0.1:${PORT}` });
playAsTold((play) => post(`${INGRESS}/runs/run`, play, { 'idempotency-key': play.run }));
