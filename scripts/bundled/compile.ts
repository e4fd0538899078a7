import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createServer2 } from 'node:http2';
import { createRequire } from 'node:module';
import { type AddressInfo, type Server as NetServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { partsIn } from './parts.ts';

// `gcp-build` of a bundle: Google's buildpack runs it where it builds the function's image, with the Node that will run it and in the
// folder that it will run in. The function is started, its clients are made and it is given a first message; what V8 has compiled by then
// is put beside each part, and a new instance takes it from there (parts.ts).
//
// C1. It reaches nobody. Every address that the function knows is a door on loopback that has no answers, the identity is that door's, and
//     a connection to anywhere else is refused before it is begun, whatever the configuration says.
// C2. It never fails a deployment: what can't be compiled will be when it is first needed.

/** Longest that all of it may take, wall milliseconds; a deployment waits for it. */
const ALL_MAX_MS = 60_000;

/** Longest that clients may take to find out that nobody answers, wall milliseconds. */
const WARM_MAX_MS = 20_000;

/** How long the function may go on with its first messages, wall milliseconds: they wait for answers that never come. */
const SETTLE_MS = 2_000;

/** `compile.json`, as bundle-parts.ts writes it. */
interface Told {
  readonly function: string;
  /** A configuration whose every address is `DOOR`. */
  readonly config: string;
  /** A message for a function that messages are pushed to, as text; a path for one that answers requests. */
  readonly ask: readonly string[];
}

/** The machine that this runs on. */
const HERE = '127.0.0.1';

/** Stands in the configuration where the address of the door belongs. */
const DOOR = 'http://127.0.0.1:1';

// C2: what a client rejects beside every call ends a function, and is nothing here.
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, (error) => console.error('while the function was compiled:', error));

const directory = import.meta.dirname;
const parts = partsIn(directory);
const scratch = mkdtempSync(join(tmpdir(), 'dr-compile-'));

try {
  await Promise.race([run(), wait(ALL_MAX_MS, undefined, { ref: false })]);
} catch (error) {
  console.error('the function could not be run to compile it:', error);
}
let bytes = 0;
try {
  for (const [file, compiled] of parts.compiled()) {
    writeFileSync(file, compiled);
    bytes += compiled.byteLength;
  }
} catch (error) {
  console.error('what is compiled could not be kept:', error);
}
console.log(`compiled ${bytes} bytes`);
rmSync(scratch, { recursive: true, force: true });
// What the function has begun here must not keep a deployment waiting.
process.exit(0);

/** Runs the function twice: with the store of the cloud, to make its clients, and with one of this machine, to come past it. */
async function run(): Promise<void> {
  stayHere();
  const told = JSON.parse(readFileSync(join(directory, 'compile.json'), 'utf8')) as Told; // our own file
  const door = await opened(createServer(unavailable));
  const firestore = await opened(silentDoor());
  for (const name of Object.keys(process.env))
    if (name.startsWith('GOOGLE_') || name.startsWith('GCLOUD_') || name.startsWith('DR_')) delete process.env[name];
  const known = {
    ...keys(),
    DR_CONFIG: keep('dr.json', told.config.replaceAll(DOOR, `http://${door}`)),
    NODE_ENV: 'production',
    FUNCTION_TARGET: told.function,
    GCE_METADATA_HOST: door,
    FIRESTORE_EMULATOR_HOST: firestore,
  };
  Object.assign(process.env, known, { DR_STORE: 'firestore:compile', DR_WARM: '1' });
  const { ready } = parts.load('main.js') as { ready: Promise<void> }; // the entry of scripts/bundle-plugins.ts
  await Promise.race([ready, wait(WARM_MAX_MS)]);
  for (const name of readdirSync(join(directory, 'chunks'))) if (name.endsWith('.js')) parts.load(join('chunks', name));

  parts.again();
  Object.assign(process.env, { DR_STORE: join(scratch, 'state.sqlite'), DR_WARM: '0' });
  parts.load('main.js');
  await asked(told);
}

/** How a socket is told whom to connect to, in any of the ways that Node knows. */
type Connect = (this: Socket, ...given: unknown[]) => Socket;

/** C1: every client's connection, encrypted or not, begins here. */
function stayHere(): void {
  const connect = Reflect.get(Socket.prototype, 'connect') as Connect; // all of its overloads at once
  const guarded: Connect = function (...given) {
    const host = hostOf(given);
    if (host === undefined || host === HERE || host === 'localhost') return connect.apply(this, given);
    return this.destroy(new Error(`${host} is not spoken to while a function is compiled`));
  };
  Socket.prototype.connect = guarded;
}

/** Whom a connection goes to; `undefined` where it names nobody, which is this machine. Node hands its own arguments on as one list. */
function hostOf([first, second]: readonly unknown[]): string | undefined {
  const to: unknown = Array.isArray(first) ? first[0] : first;
  const host = typeof to === 'object' && to !== null ? ('host' in to ? to.host : undefined) : second;
  return typeof host === 'string' ? host : undefined;
}

/** Gives the function what it is asked first, as the framework does, and leaves it some time. */
async function asked({ function: name, ask }: Told): Promise<void> {
  const testing = createRequire(join(directory, 'package.json'))('@google-cloud/functions-framework/testing') as {
    getTestServer(target: string): Server;
  }; // the framework's own types
  const address = await opened(testing.getTestServer(name));
  for (const one of ask)
    void (
      one.startsWith('/')
        ? fetch(`http://${address}${one}`)
        : fetch(`http://${address}/projects/compile/topics/compile`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({
              subscription: 'projects/compile/subscriptions/compile',
              message: { data: Buffer.from(one).toString('base64'), messageId: randomUUID(), attributes: {} },
            }),
          })
    ).catch((error: unknown) => console.error(`${one} was not answered while the function was compiled:`, error));
  await wait(SETTLE_MS);
}

async function opened(server: NetServer): Promise<string> {
  server.listen(0, HERE);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on a port
  return `${HERE}:${port}`;
}

/** Whoever asks for a token gets one, as from the metadata server; everything else is unavailable. */
function unavailable({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const isMetadata = url.startsWith('/computeMetadata/');
  response.writeHead(isMetadata ? 200 : 503, { 'Metadata-Flavor': 'Google', 'content-type': 'application/json' });
  response.end(
    JSON.stringify(
      isMetadata
        ? { access_token: 'compile', expires_in: 3_600, token_type: 'Bearer' }
        : { error: { code: 503, status: 'UNAVAILABLE', message: 'nobody answers here' } },
    ),
  );
}

/** Firestore's protocol: every call ends well (OK, 0) and says nothing. A refusal its library would repeat for some seconds. */
function silentDoor(): NetServer {
  const server = createServer2();
  server.on('stream', (stream) =>
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true }),
  );
  return server;
}

function keep(name: string, text: string): string {
  const path = join(scratch, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** Keys that are made here and gone afterwards, where a function wants some. */
function keys(): Readonly<Record<string, string>> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'pem' });
  return {
    DR_PUBLIC_KEYS_FILE: keep('public.json', JSON.stringify({ compile: spki })),
    DR_SIGNING_KEY_FILE: keep('signing.pem', String(privateKey.export({ type: 'pkcs8', format: 'pem' }))),
    DR_SIGNING_KEY_ID: 'compile',
    DR_FORM_KEY_FILE: keep('form.txt', randomUUID()),
  };
}
