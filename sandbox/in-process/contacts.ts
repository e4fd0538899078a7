import type { Applications, DeepHealth } from '../../shared/ports/applications.ts';
import type { ContactOutcome, DataPlane } from '../../shared/ports/data-plane.ts';
import { type Millis, seconds } from '../../shared/core/time.ts';
import type { ApplicationRequest, HealthBody, ProbeBody } from '../world/application-request.ts';
import { SECONDARY_SERVICES, SERVICES } from '../world/reference-world.ts';
import type { DataOutcome } from '../world/sql-data-plane.ts';
import type { World } from '../world/world.ts';
import { type Crossing, travel } from './crossing.ts';

// Contacts that are answers, whatever comes of them: database servers and applications, from our functions' place.

/** Longest that a contact may take, clock time, as the adapters have it. */
const CONTACT_LIMIT = seconds(3);

/** The same for those who first try a connection of their own. */
const VANTAGE_LIMIT = seconds(8);

/** The servers' data plane for one identity. */
export function inProcessDataPlane(world: World, { caller, clock, chance }: Crossing): DataPlane {
  const ask = async <T>(question: () => DataOutcome<T>): Promise<DataOutcome<T>> => {
    await clock.sleep(travel(chance));
    const outcome = question();
    await clock.sleep(outcome.kind === 'timeout' ? CONTACT_LIMIT : travel(chance));
    return outcome;
  };
  const { dataPlane } = world.sql;
  return {
    canary: async (instance, token) => outcomeOf(await ask(() => dataPlane.canary(caller, instance, token))),
    hasCanary: async (instance, token) => {
      const answer = await ask(() => dataPlane.hasCanary(caller, instance, token));
      return answer.kind === 'answer' ? answer.value : undefined;
    },
    heartbeat: async (instance, sequence, at) =>
      outcomeOf(await ask(() => dataPlane.heartbeat(caller, instance, sequence, at))),
    replication: async (instance) => {
      const answer = await ask(() => dataPlane.replication(caller, instance));
      return answer.kind === 'answer' ? answer.value : undefined;
    },
    writeEpoch: async (instance, epoch) => {
      const written = await ask(() => dataPlane.writeEpoch(caller, instance, epoch));
      if (written.kind !== 'answer') return undefined;
      const read = await ask(() => dataPlane.epoch(caller, instance));
      return read.kind === 'answer' ? read.value : undefined;
    },
    sessions: async (instance) => {
      const answer = await ask(() => dataPlane.sessions(caller, instance));
      return answer.kind === 'answer' ? answer.value : undefined;
    },
  };
}

function outcomeOf(answer: DataOutcome<undefined>): ContactOutcome {
  switch (answer.kind) {
    case 'answer':
      return { kind: 'written' };
    case 'refusedByServer':
      return { kind: 'refusedByServer', detail: answer.message };
    case 'connectionRefused':
      return { kind: 'connectionRefused' };
    case 'timeout':
      return { kind: 'unknown', detail: 'no answer' };
    case 'forbidden':
      return { kind: 'unknown', detail: 'we may not log in' };
  }
}

/** Which services of the world stand behind an application's probes. */
const BEHIND: Readonly<Record<string, { readonly application: string; readonly prober: string }>> = {
  'api-gke': { application: SERVICES.apiGke, prober: SERVICES.proberGke },
  'api-run': { application: SERVICES.apiRun, prober: SERVICES.proberRun },
  'api-east': { application: SECONDARY_SERVICES.api, prober: SECONDARY_SERVICES.prober },
};

/** The reference applications from outside. */
export function inProcessApplications(world: World, { caller, clock, chance }: Crossing): Applications {
  const ask = async (service: string | undefined, request: ApplicationRequest, limit: Millis = CONTACT_LIMIT) => {
    await clock.sleep(travel(chance));
    const reply =
      service === undefined ? { kind: 'silence' as const } : world.front.request(caller.from, service, request);
    const isInTime = reply.kind === 'reply' && reply.takes < limit;
    await clock.sleep(isInTime ? reply.takes : limit);
    return isInTime ? reply : undefined;
  };
  return {
    deepHealth: async (application): Promise<DeepHealth> => {
      const reply = await ask(BEHIND[application]?.application, { kind: 'health' }, VANTAGE_LIMIT);
      if (reply === undefined) return { kind: 'silent', detail: 'no answer', instance: undefined, database: undefined };
      const body = healthOf(reply.body);
      if (body === undefined)
        return { kind: 'silent', detail: `http ${reply.status}`, instance: undefined, database: undefined };
      return {
        kind: reply.status === 200 && body.status === 'ok' && body.database.writable ? 'serving' : 'failing',
        detail: `http ${reply.status}`,
        instance: body.instance,
        database: { ...body.database, epoch: body.database.epoch ?? undefined },
      };
    },
    writeAndRead: async (application, token) => {
      const service = BEHIND[application]?.application;
      const written = await ask(service, { kind: 'canaryWrite', token });
      if (written?.status !== 201) return { written: false, read: false, detail: `http ${written?.status ?? 'none'}` };
      const read = await ask(service, { kind: 'canaryRead', token });
      return { written: true, read: read?.status === 200, detail: `http ${read?.status ?? 'none'}` };
    },
    contactFrom: async (application, address, token) => {
      const reply = await ask(BEHIND[application]?.prober, { kind: 'probe', address, token }, VANTAGE_LIMIT);
      const body = reply?.status === 200 ? (reply.body as ProbeBody) : undefined; // the world's own type for this question
      const at = clock.now();
      if (body === undefined)
        return {
          vantage: application,
          at,
          outcome: { kind: 'unknown', detail: 'the prober does not answer' },
          control: 'none',
        };
      return { vantage: application, at, outcome: probed(body), control: body.control };
    },
  };
}

const healthOf = (body: unknown): HealthBody | undefined =>
  typeof body === 'object' && body !== null && 'database' in body ? (body as HealthBody) : undefined; // the world's own type

function probed({ outcome, detail }: ProbeBody): ContactOutcome {
  switch (outcome) {
    case 'written':
      return { kind: 'written' };
    case 'refusedByServer':
    case 'loginRefused':
      return { kind: outcome, detail };
    case 'connectionRefused':
      return { kind: 'connectionRefused' };
    case 'timeout':
    case 'unreachable':
      return { kind: 'unknown', detail };
  }
}
