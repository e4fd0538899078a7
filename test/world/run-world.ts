import { type Assumptions, BELIEVED } from '../../sandbox/world/assumptions.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import type { ApplicationInstance, ApplicationLauncher, WorldClock } from '../../sandbox/world/kernel.ts';
import { createLogs } from '../../sandbox/world/logs.ts';
import { REFERENCE_PROJECT } from '../../sandbox/world/project.ts';
import { createRun } from '../../sandbox/world/run.ts';
import { type ServiceSpec, TEMPLATE_DEFAULTS } from '../../sandbox/world/run-spec.ts';
import { createSecrets } from '../../sandbox/world/secrets.ts';
import { after, instant, seconds } from '../../shared/core/time.ts';

// A Cloud Run world for tests: one service whose application keeps the secret that it read when it started.

/** When the test world begins. */
export const START = instant(1_767_607_200_000);
/** The secret of the service. */
export const SECRET = 'coditect-dms-database-url';
/** The service. */
export const API = { location: 'us-central1', service: 'coditect-dms-api' };

/** The service as it is at first: one instance at least, ten at most. */
export const SPEC: ServiceSpec = {
  labels: {},
  annotations: {},
  description: '',
  ingress: 'INGRESS_TRAFFIC_ALL',
  scaling: { mode: 'AUTOMATIC', min: 1, max: 10, manual: undefined },
  template: {
    ...TEMPLATE_DEFAULTS,
    image: 'gcr.io/coditect-prod/api:1',
    env: [{ kind: 'secret', name: 'DATABASE_URL', secret: SECRET }],
  },
  traffic: [{ revision: undefined, percent: 100 }],
};

/** What a copy of the application has read and how it fares; tests break it. */
export interface Copy {
  readonly id: string;
  readonly read: string | undefined;
  state: ReturnType<ApplicationInstance['state']>;
  stopped: boolean;
}

/** A launcher whose copies need three seconds to start. */
export function createFakeLauncher(clock: WorldClock, readSecret: (secret: string) => string | undefined) {
  const copies: Copy[] = [];
  const launcher: ApplicationLauncher = {
    launch({ id, place, secret }) {
      const copy: Copy = { id, read: readSecret(secret), state: 'starting', stopped: false };
      const log = [{ at: clock.now(), text: `INFO connecting to ${copy.read}` }];
      copies.push(copy);
      clock.schedule(after(clock.now(), seconds(3)), () => {
        if (copy.state === 'starting') copy.state = 'serving';
      });
      return {
        place,
        state: () => copy.state,
        ready: () => copy.state === 'serving',
        log: () => log,
        stop() {
          copy.stopped = true;
        },
      };
    },
  };
  return { launcher, running: () => copies.filter(({ stopped }) => !stopped) };
}

/** The service after its first instance has started. */
export function createRunWorld({
  assumptions = BELIEVED,
  spec = SPEC,
  seed = 1,
}: {
  assumptions?: Assumptions;
  spec?: ServiceSpec;
  seed?: number;
} = {}) {
  const clock = createVirtualClock(START);
  const kernel = createKernel({ clock, seed });
  const secrets = createSecrets({ clock, project: REFERENCE_PROJECT });
  secrets.create(SECRET);
  secrets.addVersion(SECRET, Buffer.from('old address'));
  const readSecret = (secret: string): string | undefined => secrets.readSecret(secret);
  const { launcher, running } = createFakeLauncher(clock, readSecret);
  const services = [{ ref: API, spec }];
  const logs = createLogs({ clock, door: kernel.door });
  const { chance } = kernel;
  const project = REFERENCE_PROJECT;
  const run = createRun({ clock, chance, launcher, readSecret, assumptions, project, logs, services });
  clock.advanceBy(seconds(30));
  return { clock, kernel, secrets, logs, run, running };
}
