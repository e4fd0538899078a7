import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Document } from 'yaml';
import type { Sandbox } from '../../sandbox/host/sandbox.ts';
import { dataOf } from '../../sandbox/world/broker-message.ts';
import { monitoringAgent } from '../../sandbox/world/service-agents.ts';
import { after, type Millis, millis } from '../../shared/core/time.ts';
import type { Stage } from './story.ts';

// Monitoring goes mad: notifications of hundreds of targets at once, with repetitions and some that nobody can read. Every target
// is a Cloud Run service of its own, which depends on nothing and is well: the failures are Monitoring's.

/** How large a storm is. */
export interface MassStorm {
  readonly notifications: number;
  readonly targets: number;
  /** Clock time over which they are spread. */
  readonly within: Millis;
}

/** One in so many can't be read; of the others one in so many repeats an earlier one under a message id of its own. */
const UNREADABLE_IN = 97;
const REPEATED_IN = 3;

const serviceOf = (number: number): string => `mass-${String(number).padStart(3, '0')}`;

/** Adds the targets to a `dr.yaml`, which all answer at `address`. */
export function withTargets(document: Document, targets: number, address: string): void {
  for (let number = 0; number < targets; number += 1) {
    const host = `${serviceOf(number)}.dms.internal`;
    document.setIn(['endpoints', 'hosts', host], address);
    document.addIn(
      ['applications'],
      document.createNode({
        id: serviceOf(number),
        kind: 'cloudRun',
        service: serviceOf(number),
        region: 'us-central1',
        maxInstances: 1,
        dependsOn: [],
        probes: {
          deepHealth: `https://${host}/dr/health`,
          canary: `https://${host}/dr/canary`,
        },
      }),
    );
  }
}

/** The deep health of every target, as the contract has it: all of them are well. */
export async function serveHealth(): Promise<{ readonly address: string; close(): void }> {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ status: 'ok' }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `http://127.0.0.1:${address.port}`, close };
}

/** What was published. */
export interface Published {
  /** Monitoring's ids of the readable ones, each once. */
  readonly different: ReadonlySet<string>;
  /** Messages that nobody can read. */
  readonly unreadable: number;
  readonly messages: number;
}

/** Publishes the storm as Monitoring would, shuffled, from now on. */
export function publishStorm(stage: Stage, { notifications, targets, within }: MassStorm): Published {
  const { clock, messaging, world } = stage.sandbox;
  const caller = { principal: monitoringAgent(world.project), from: 'google' };
  const texts: string[] = [];
  const different = new Set<string>();
  let unreadable = 0;
  for (let index = 0; index < notifications; index += 1) {
    if (index % UNREADABLE_IN === UNREADABLE_IN - 1) {
      unreadable += 1;
      texts.push(`{"version": "1.2", "incident": "storm ${index}"`);
      continue;
    }
    const number = index % REPEATED_IN === REPEATED_IN - 1 && index > targets ? index - targets : index;
    const id = `0.mass${number}`;
    different.add(id);
    texts.push(notificationOf(stage.sandbox, id, number % targets));
  }
  const shuffled = texts.map((text) => ({ text, order: stage.chance.next() })).toSorted((a, b) => a.order - b.order);
  for (const [index, { text }] of shuffled.entries())
    clock.schedule(after(clock.now(), millis((within * index) / notifications)), () => {
      messaging.courier.publish(caller, 'dr-alerts', [{ data: dataOf(text), attributes: {} }]);
    });
  return { different, unreadable, messages: notifications };
}

/** One notification about a target, by its number. */
export function notificationOf({ clock, world }: Pick<Sandbox, 'clock' | 'world'>, id: string, target: number): string {
  const project = world.project.id;
  const service = serviceOf(target);
  return JSON.stringify({
    version: '1.2',
    incident: {
      incident_id: id,
      scoping_project_id: project,
      started_at: Math.floor(clock.now() / 1_000),
      ended_at: null,
      state: 'open',
      summary: `storm ${id} of ${service}`,
      policy_name: 'mass-storm',
      condition_name: 'storm',
      resource: {
        type: 'cloud_run_revision',
        labels: { project_id: project, service_name: service, location: 'us-central1' },
      },
      metric: { type: 'storm', labels: {} },
    },
  });
}

/** Memory of every function's process, as the system counts it, while a story lasts. */
export class MemoryWatch {
  /** Peak and last, in MiB, by function. */
  readonly seen = new Map<string, { readonly first: number; readonly peak: number; readonly last: number }>();
  readonly #timer: NodeJS.Timeout;

  constructor(stage: Stage) {
    this.#timer = setInterval(() => this.#sample(stage), 500);
    this.#sample(stage);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(stage: Stage): void {
    for (const { name, process } of stage.sandbox.copies.all()) {
      const now = residentMiB(process.pid);
      if (now === undefined) continue;
      const { first = now, peak = 0 } = this.seen.get(name) ?? {};
      this.seen.set(name, { first, peak: Math.max(peak, now), last: now });
    }
  }
}

/** Resident memory of a process in MiB; `undefined` where the system does not say or the process is gone. */
function residentMiB(pid: number | undefined): number | undefined {
  try {
    const kibi = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibi === undefined ? undefined : Math.round(Number(kibi) / 1_024);
  } catch {
    return undefined;
  }
}
