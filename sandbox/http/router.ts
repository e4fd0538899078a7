import type { Millis } from '../../shared/core/time.ts';
import type { Place, Principal } from '../world/kernel.ts';

/** One HTTP request as the faces see it: authenticated, its body parsed, nothing else judged. */
export type HttpRequest = {
  readonly method: string;
  /** The path as it was sent (still percent-encoded), without the query. */
  readonly path: string;
  /** Host and port that the caller addressed: of an absolute-form URL, else of the `Host` header. Cloud Run's v1 API names its region here. */
  readonly host: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /**
   * The parsed JSON; the text itself when the content type is not JSON; `undefined` without a body. Google's clients send the
   * JSON text `""` for a POST without a message (facts.md 0.2): that is no body either.
   */
  readonly body: unknown;
  /** The body as it came, for what is no text. */
  readonly bytes: Uint8Array;
  /** Who calls; `undefined` only on a route that is `anonymous`. */
  readonly principal: Principal | undefined;
  readonly from: Place;
};

/** What a route answers. `silence` holds the socket open until the client leaves: the caller's own deadline must end it. */
export type HttpReply =
  | {
      readonly kind: 'json';
      readonly status: number;
      readonly body: unknown;
      readonly headers?: Readonly<Record<string, string>>;
      /** Clock time that the answer takes to come back, when a fault makes it slow. */
      readonly delay?: Millis;
    }
  | {
      readonly kind: 'text';
      readonly status: number;
      readonly body: string;
      readonly contentType: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'bytes';
      readonly status: number;
      readonly body: Uint8Array;
      readonly contentType: string;
      readonly headers?: Readonly<Record<string, string>>;
      /** As for `json`. */
      readonly delay?: Millis;
    }
  | { readonly kind: 'silence' }
  | {
      readonly kind: 'stream';
      /** `application/json` unless said otherwise. */
      readonly contentType?: string;
      /** Called once, after the headers (status 200) have been sent. `onClose` registers what to do when either side ends it. */
      start(write: (chunk: string) => void, end: () => void, onClose: (listener: () => void) => void): void;
    }
  | {
      readonly kind: 'webSocket';
      /** The subprotocol that is spoken, one of those that the client has offered. */
      readonly protocol: string;
      /** Called once both sides have agreed on it. */
      start(send: (message: Uint8Array) => void, end: () => void): void;
    };

/** One method and path. The whole path must match `pattern`; its named groups arrive decoded as `params`. */
export type Route = {
  readonly method: string;
  readonly pattern: RegExp;
  /** Answers without a token too (metadata, health, keys). Without it a missing, unknown or expired token is 401. */
  readonly anonymous?: true;
  /** Takes the body's bytes only, which needn't be what their content type says. */
  readonly raw?: true;
  handle(request: HttpRequest, params: Readonly<Record<string, string>>): HttpReply | Promise<HttpReply>;
};

/** What `matchRoute` found: a route with its decoded parameters, nothing, or a path that no URL may have. */
export type RouteMatch =
  | { readonly kind: 'found'; readonly route: Route; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: 'notFound' }
  | { readonly kind: 'malformed' };

/** The first route whose method and pattern fit. A wrong method on a known path is `notFound`, as Google's front end answers it. */
export function matchRoute(routes: readonly Route[], method: string, path: string): RouteMatch {
  for (const route of routes) {
    if (route.method !== method) continue;
    const match = route.pattern.exec(path);
    if (!match || match[0].length !== path.length) continue;
    const params = decoded(match.groups ?? {});
    return params ? { kind: 'found', route, params } : { kind: 'malformed' };
  }
  return { kind: 'notFound' };
}

function decoded(groups: Readonly<Record<string, string | undefined>>): Record<string, string> | undefined {
  try {
    const present = Object.entries(groups).flatMap(([name, text]) =>
      text === undefined ? [] : [[name, decodeURIComponent(text)]],
    );
    return Object.fromEntries(present);
  } catch {
    return undefined; // a `%` that starts no escape
  }
}

/** A JSON answer, 200 unless said otherwise. */
export function json(body: unknown, status = 200): HttpReply {
  return { kind: 'json', status, body };
}
