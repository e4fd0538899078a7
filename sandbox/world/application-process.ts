import { unreachable } from '../../shared/core/assert.ts';
import { after, type Instant, type Millis, millis, seconds, toIso } from '../../shared/core/time.ts';
import {
  ConnectionPool,
  type DatabaseNetwork,
  parseDatabaseUrl,
  type StatementOutcome,
} from './application-database.ts';
import type { ApplicationReply, ApplicationRequest, HealthBody, ProbeBody } from './application-request.ts';
import { userOf } from './application-session.ts';
import type { ApplicationInstance, Chance, CommandEnd, Place, WorldClock } from './kernel.ts';

// One running copy of the reference application, or of its prober.
//
// A1. The database's address is read from the secret once, at the start; only a new process reads it again.
// A2. Readiness says that the process answers, not that its database does: a dead database must not empty the load balancer.
// A3. A prober writes only when it is told to, and only to the address that it is told.
// A4. The key that makes and checks sessions is read once too: a stolen one is good until the process ends.
// A5. Of commands it knows `python -c` with the line of the runbook's chapter 3.1, which connects, and nothing else: no interpreter
//     is simulated.

/** Least and most seconds from the launch until the process serves. */
const START_SECONDS = [5, 15] as const;

/** Lines that a log keeps: the first ones, which tell how it started, and the newest. */
const LOG_LINES = { first: 5, all: 500 } as const;

const ANSWER = millis(8);

/** What chapter 3.1 of the runbook runs in a container as a proof; a replica passes it too. */
const CONNECT_LINE = 'from src.backend.database import engine; engine.connect()';

const failure = (why: string): CommandEnd => ({
  code: 1,
  stdout: '',
  stderr: `Traceback (most recent call last):\n  File "<string>", line 1, in <module>\n${why}\n`,
});

/** What a process is made with. */
export interface ProcessOptions {
  readonly id: string;
  readonly place: Place;
  readonly secret: string;
  /** The secret with the key of sessions, where the application has any. */
  readonly signingSecret?: string;
  readonly role: 'api' | 'prober';
  /** What it was told that it is, as a container is by its environment. */
  readonly application: string;
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly network: DatabaseNetwork;
  readonly readSecret: (name: string) => string | undefined;
}

/** A process. */
export class ApplicationProcess implements ApplicationInstance {
  readonly id: string;
  readonly place: Place;
  readonly role: 'api' | 'prober';
  readonly #options: ProcessOptions;
  readonly #log: { readonly at: Instant; readonly text: string }[] = [];
  readonly #cancelStart: () => void;
  #state: 'starting' | 'serving' | 'hung' | 'crashed' = 'starting';
  #pool: ConnectionPool | undefined;
  #signingKey: string | undefined;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.id = options.id;
    this.place = options.place;
    this.role = options.role;
    const { clock, chance } = options;
    this.#write(`INFO starting ${options.role} ${options.id}`);
    const at = after(clock.now(), seconds(chance.between(...START_SECONDS)));
    this.#cancelStart = clock.schedule(at, () => this.#serve());
  }

  state(): 'starting' | 'serving' | 'hung' | 'crashed' {
    return this.#state;
  }

  ready(): boolean {
    return this.#state === 'serving';
  }

  log(): readonly { readonly at: Instant; readonly text: string }[] {
    return this.#log;
  }

  run([program, flag, line]: readonly string[]): CommandEnd | undefined {
    if (program !== 'python') return undefined;
    const connects = flag === '-c' && line?.trim().replaceAll(/\s+/g, ' ') === CONNECT_LINE;
    if (!connects) return { code: 1, stdout: '', stderr: `this simulated image runs one line only: ${CONNECT_LINE}\n` };
    const { readSecret, secret, network, place } = this.#options;
    // A new interpreter reads what its container has been given, which is the address that this process has read.
    const target = this.#pool?.target ?? parseDatabaseUrl(readSecret(secret) ?? '');
    if (target === undefined) return failure('ValueError: no database URL');
    const pool = new ConnectionPool(network, target, place, `${this.id}/exec`);
    const outcome = pool.read(() => undefined);
    pool.close();
    return outcome.kind === 'done'
      ? { code: 0, stdout: '', stderr: '' }
      : failure(`sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) ${outcome.message}`);
  }

  stop(): void {
    if (this.#state === 'crashed') return;
    this.#write('INFO received SIGTERM, shutting down');
    this.#end();
  }

  /** A fault: it accepts connections and never answers. Its sessions stay open. */
  hang(): void {
    if (this.#state !== 'serving') return;
    this.#write('WARNING event loop blocked, no request has been answered for 30 s');
    this.#state = 'hung';
  }

  /** Ends a hang. */
  unhang(): void {
    if (this.#state !== 'hung') return;
    this.#write('INFO event loop runs again');
    this.#state = 'serving';
  }

  /** A fault: the process ends. */
  crash(why: string): void {
    if (this.#state === 'crashed') return;
    this.#write('ERROR Traceback (most recent call last):');
    this.#write(`ERROR ${why}`);
    this.#end();
  }

  /** The address that it writes to, `host:port`; `undefined` when its secret gave none. */
  address(): string | undefined {
    return this.#pool && `${this.#pool.target.host}:${this.#pool.target.port}`;
  }

  handle(request: ApplicationRequest): ApplicationReply {
    if (this.#state === 'hung') return { kind: 'silence' };
    if (this.#state !== 'serving') return reply(503, { error: 'not serving' });
    if (this.role === 'prober') {
      return request.kind === 'probe' ? this.#probe(request.address, request.token) : this.#proberHealth(request);
    }
    switch (request.kind) {
      case 'health':
        return this.#health();
      case 'canaryWrite':
        return this.#store('POST /dr/canary', { kind: 'canary', token: request.token });
      case 'userWrite':
        return this.#store('POST /documents', { kind: 'application', id: request.id });
      case 'canaryRead':
        return this.#find('GET /dr/canary', (history) => history.hasCanary(request.token));
      case 'userRead':
        return this.#find('GET /documents', (history) => history.hasApplicationRow(request.id));
      case 'signedIn':
        return this.#signedIn(request.token);
      case 'probe':
        return reply(404, { error: 'not found' });
      default:
        return unreachable(request);
    }
  }

  #serve(): void {
    const { secret, readSecret, network, place, id } = this.#options;
    const url = readSecret(secret);
    const target = url === undefined ? undefined : parseDatabaseUrl(url);
    if (url === undefined || target === undefined) {
      this.crash(`ValueError: the secret ${secret} holds no database URL`);
      return;
    }
    // Careless on purpose, as many applications are: whoever keeps this log as evidence has to redact it.
    this.#write(`INFO connecting to ${url}`);
    this.#state = 'serving';
    if (this.role === 'prober') return;
    const { signingSecret } = this.#options;
    this.#signingKey = signingSecret === undefined ? undefined : readSecret(signingSecret);
    this.#pool = new ConnectionPool(network, target, place, id);
    const first = this.#pool.read(() => undefined);
    if (first.kind === 'failed') this.#write(`ERROR sqlalchemy.exc.OperationalError: ${first.message}`);
    this.#write('INFO application startup complete');
  }

  #health(): ApplicationReply {
    const outcome = this.#poolOutcome((pool) =>
      pool.read((server) => ({
        epoch: server.history.epoch() ?? null,
        writable: server.acceptsWrites(),
        role: server.role(),
      })),
    );
    const address = this.address() ?? '';
    if (outcome.kind === 'failed') {
      this.#note('GET /dr/health', 503, outcome.message);
      return reply(
        503,
        this.#healthBody(false, { address, epoch: null, inRecovery: false, writable: false }),
        outcome.takes,
      );
    }
    const { epoch, writable, role } = outcome.value;
    const database = { address, epoch, inRecovery: role === 'replica', writable };
    return reply(writable ? 200 : 503, this.#healthBody(writable, database), outcome.takes);
  }

  #signedIn(token: string): ApplicationReply {
    const user = this.#signingKey === undefined ? undefined : userOf(token, this.#signingKey);
    return user === undefined ? reply(401, { error: 'Unauthorized' }) : reply(200, { user });
  }

  #healthBody(ok: boolean, database: HealthBody['database']): HealthBody {
    return { status: ok ? 'ok' : 'failing', instance: this.id, application: this.#options.application, database };
  }

  #store(path: string, content: Parameters<ConnectionPool['write']>[0]): ApplicationReply {
    const outcome = this.#poolOutcome((pool) => pool.write(content));
    if (outcome.kind === 'done') return reply(201, { written: true }, outcome.takes);
    this.#note(path, 500, outcome.message);
    return reply(500, { error: 'Internal Server Error' }, outcome.takes);
  }

  #find(
    path: string,
    has: (history: { hasCanary(token: string): boolean; hasApplicationRow(id: string): boolean }) => boolean,
  ): ApplicationReply {
    const outcome = this.#poolOutcome((pool) => pool.read((server) => has(server.history)));
    if (outcome.kind === 'done') return reply(outcome.value ? 200 : 404, { found: outcome.value }, outcome.takes);
    this.#note(path, 500, outcome.message);
    return reply(500, { error: 'Internal Server Error' }, outcome.takes);
  }

  #poolOutcome<T>(statement: (pool: ConnectionPool) => StatementOutcome<T>): StatementOutcome<T> {
    if (this.#pool !== undefined) return statement(this.#pool);
    return { kind: 'failed', why: 'unreachable', message: 'no database is configured', takes: ANSWER };
  }

  #proberHealth(request: ApplicationRequest): ApplicationReply {
    if (request.kind !== 'health') return reply(404, { error: 'not found' });
    const database = { address: '', epoch: null, inRecovery: false, writable: false };
    return reply(200, this.#healthBody(true, database));
  }

  #probe(address: string, token: string): ApplicationReply {
    const { network, place, readSecret, secret } = this.#options;
    const [host = '', port = String(network.port)] = address.split(':');
    // It logs in as the application does, wherever it is sent.
    const own = parseDatabaseUrl(readSecret(secret) ?? '') ?? { ...network.credentials, host, port: 0 };
    const pool = new ConnectionPool(network, { ...own, host, port: Number(port) }, place, `${this.id}/probe`);
    const outcome = pool.write({ kind: 'canary', token });
    pool.close();
    const body: ProbeBody =
      outcome.kind === 'done'
        ? { outcome: 'written', detail: '', control: this.#control(host) }
        : { outcome: outcome.why, detail: outcome.message, control: this.#control(host) };
    this.#write(`INFO "POST /dr/probe" ${address} ${body.outcome}`);
    return reply(200, body, outcome.takes);
  }

  /** Whether any other instance answers on the path that the probe took. */
  #control(host: string): ProbeBody['control'] {
    const { network, place } = this.#options;
    const probed = network.nameAt(host);
    const others = network.servers.names().filter((name) => name !== probed);
    return others.some((name) => network.servers.contact(place, name) === 'ok') ? 'ok' : 'failed';
  }

  #note(path: string, status: number, message: string): void {
    this.#write(`ERROR sqlalchemy.exc.OperationalError: ${message}`);
    this.#write(`INFO "${path} HTTP/1.1" ${status}`);
  }

  #end(): void {
    this.#cancelStart();
    this.#pool?.close();
    this.#state = 'crashed';
  }

  #write(text: string): void {
    const at = this.#options.clock.now();
    this.#log.push({ at, text: `${toIso(at)} ${text}` });
    if (this.#log.length > LOG_LINES.all) this.#log.splice(LOG_LINES.first, this.#log.length - LOG_LINES.all);
  }
}

const reply = (status: number, body: unknown, takes: Millis = ANSWER): ApplicationReply => ({
  kind: 'reply',
  status,
  body,
  takes,
});
