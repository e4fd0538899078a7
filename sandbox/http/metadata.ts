import { after, type Millis, minutes } from '../../shared/core/time.ts';
import type { Principal, WorldClock } from '../world/kernel.ts';
import type { Project } from '../world/project.ts';
import type { IdTokenClaims } from './oidc.ts';
import type { HttpReply, HttpRequest, Route } from './router.ts';
import { type RunningServer, startServer } from './server.ts';
import { issueToken } from './tokens.ts';

// The metadata server that a function finds at its side: who it is, and tokens to prove it. One for each function, because
// whoever reaches it is that function.
//
// M1. Without the header `Metadata-Flavor: Google` it refuses, and so it does for forwarded requests: both are how Google
//     keeps a tricked proxy from handing out tokens.
// M2. Every answer carries the same header, also refusals: clients take nothing else for a metadata server.

/** What a metadata server is made with. */
export interface MetadataOptions {
  readonly project: Project;
  readonly region: string;
  /** The identity that it vouches for. */
  readonly principal: Principal;
  /** The key of the sandbox's access tokens. */
  readonly tokenKey: string;
  readonly clock: WorldClock;
  /** Seconds of clock time in a second of the wall. */
  readonly rate: number;
  /** Makes id tokens: the sandbox's issuer. */
  readonly idToken: (claims: IdTokenClaims) => Promise<string>;
}

/** A metadata server that listens. */
export interface MetadataServer {
  /** The environment that makes Google's client libraries use it; nothing else is needed for Application Default Credentials. */
  readonly env: { readonly GCE_METADATA_HOST: string; readonly METADATA_SERVER_DETECTION: 'assume-present' };
  close(): Promise<void>;
}

/** How long an access token is good for, by the wall's clock: clients count its seconds there, not in clock time. */
const TOKEN_LIFETIME: Millis = minutes(60);

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

/** Starts a metadata server on a free port of loopback. */
export async function startMetadataServer(options: MetadataOptions): Promise<MetadataServer> {
  const server: RunningServer = await startServer({ routes: [routeOf(options)], principals: () => undefined });
  const env = { GCE_METADATA_HOST: `127.0.0.1:${server.port}`, METADATA_SERVER_DETECTION: 'assume-present' } as const;
  return { env, close: () => server.close() };
}

/** One route for all paths, so that every answer is a metadata server's (M2). */
function routeOf(options: MetadataOptions): Route {
  return {
    method: 'GET',
    pattern: /\/.*/,
    anonymous: true,
    async handle(request) {
      if (request.headers['metadata-flavor'] !== 'Google') return text('Missing Metadata-Flavor:Google header.', 403);
      if (request.headers['x-forwarded-for'] !== undefined) return text('Forwarded requests are refused.', 403);
      return (await valueOf(options, request)) ?? text('Not Found', 404);
    },
  };
}

async function valueOf(options: MetadataOptions, request: HttpRequest): Promise<HttpReply | undefined> {
  const { project, region, principal } = options;
  const path = request.path.replace(/\/$/, '');
  const account = /^\/computeMetadata\/v1\/instance\/service-accounts\/([^/]+)\/([a-z]+)$/.exec(path);
  if (account) {
    const [, name = '', what = ''] = account;
    const isOurs = name === 'default' || decodeURIComponent(name) === principal;
    return isOurs ? accountValue(options, what, request.query) : undefined;
  }
  const values: Readonly<Record<string, string>> = {
    '': 'computeMetadata/\n',
    '/computeMetadata': 'v1/\n',
    '/computeMetadata/v1': 'instance/\nproject/\nuniverse/\n',
    '/computeMetadata/v1/instance': 'id\nregion\nservice-accounts/\nzone\n',
    '/computeMetadata/v1/instance/id': `${project.number}0`,
    '/computeMetadata/v1/instance/region': `projects/${project.number}/regions/${region}`,
    '/computeMetadata/v1/instance/zone': `projects/${project.number}/zones/${region}-1`,
    '/computeMetadata/v1/instance/service-accounts': `default/\n${principal}/\n`,
    '/computeMetadata/v1/project': 'numeric-project-id\nproject-id\n',
    '/computeMetadata/v1/project/project-id': project.id,
    '/computeMetadata/v1/project/numeric-project-id': project.number,
    '/computeMetadata/v1/universe': 'universe-domain\n',
    '/computeMetadata/v1/universe/universe-domain': 'googleapis.com',
  };
  const value = values[path];
  return value === undefined ? undefined : text(value);
}

async function accountValue(
  options: MetadataOptions,
  what: string,
  query: URLSearchParams,
): Promise<HttpReply | undefined> {
  const { principal } = options;
  switch (what) {
    case 'aliases':
      return text('default\n');
    case 'email':
      return text(principal);
    case 'scopes':
      return text(`${SCOPE}\n`);
    case 'token':
      return accessToken(options);
    case 'identity': {
      const audience = query.get('audience');
      if (!audience) return text('non-empty audience parameter required', 400);
      return text(await options.idToken({ email: principal, audience }));
    }
    default:
      return undefined;
  }
}

function accessToken({ tokenKey, principal, clock, rate }: MetadataOptions): HttpReply {
  const token = issueToken(tokenKey, principal, after(clock.now(), TOKEN_LIFETIME * rate));
  const body = { access_token: token, expires_in: TOKEN_LIFETIME / 1_000, token_type: 'Bearer' };
  return { kind: 'json', status: 200, body, headers: FLAVOR };
}

const FLAVOR = { 'metadata-flavor': 'Google', server: 'Metadata Server for VM' } as const;

function text(body: string, status = 200): HttpReply {
  return { kind: 'text', status, body, contentType: 'application/text', headers: FLAVOR };
}
