import { badRequest, noSuchPath, notImplemented } from '../world/kubernetes-errors.ts';
import type { Scalable } from '../world/kubernetes-scale.ts';
import { bodyOf, callerOf, flagOf, logOptions, patchOf, writeOptions } from './kubernetes-request.ts';
import { type Face, type Target, refuseMethod } from './kubernetes-resource.ts';
import { kubernetesRefusal, replyOf } from './kubernetes-status.ts';
import { type HttpReply, type HttpRequest, json } from './router.ts';

// Subresources: `scale`, `eviction`, `log` and `exec`; not `attach` and `portforward`, which this cluster can't do.

/** Answers a request for a subresource. Throws 404 for one that isn't served. */
export function subresource(face: Face, request: HttpRequest, target: Target): HttpReply {
  const { kind } = target.served.resource;
  const { subresource: wanted } = target;
  if ((kind === 'Deployment' || kind === 'ReplicaSet') && wanted === 'scale') return scale(face, request, target, kind);
  if (kind === 'Pod' && wanted === 'log') return log(face, request, target);
  if (kind === 'Pod' && wanted === 'eviction') return eviction(face, request, target);
  if (kind === 'Pod' && wanted === 'exec') return exec(face, request, target);
  if (kind === 'Pod' && /^(attach|portforward)$/.test(wanted)) {
    const why = `${wanted} is not implemented: read the pod's logs and events, or ask the application over HTTP`;
    return kubernetesRefusal(notImplemented(why));
  }
  throw noSuchPath();
}

function scale({ cluster }: Face, request: HttpRequest, target: Target, kind: Scalable): HttpReply {
  const { namespace, name } = target;
  const caller = callerOf(request);
  const at = { namespace, name };
  switch (request.method) {
    case 'GET':
      return replyOf(cluster.api.readScale(caller, kind, namespace, name), (one) => json(one));
    case 'PUT':
      return replyOf(cluster.api.updateScale(caller, kind, at, bodyOf(request), writeOptions(request)), (one) =>
        json(one),
      );
    case 'PATCH':
      return replyOf(cluster.api.patchScale(caller, kind, at, patchOf(request), writeOptions(request)), (one) =>
        json(one),
      );
    default:
      return refuseMethod(target, request.method);
  }
}

function eviction({ cluster }: Face, request: HttpRequest, target: Target): HttpReply {
  if (request.method !== 'POST') return refuseMethod(target, request.method);
  const { namespace, name } = target;
  const evicted = cluster.api.evict(callerOf(request), namespace, name, bodyOf(request), writeOptions(request));
  return replyOf(evicted, () =>
    json({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }, 201),
  );
}

/** The WebSocket protocols of exec: a byte that names the channel, then its content. */
const EXEC_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

/** Channels of what a command writes, and of how it ended. */
const CHANNEL = { stdout: 1, stderr: 2, error: 3 } as const;

function exec({ cluster }: Face, request: HttpRequest, { namespace, name }: Target): HttpReply {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
  const protocol = EXEC_PROTOCOLS.find((known) => offered.includes(known));
  // Older clients ask for SPDY, which Kubernetes gives up.
  if (protocol === undefined) throw badRequest('unable to upgrade: this server speaks WebSockets only');
  const container = request.query.get('container');
  const ran = cluster.api.exec(callerOf(request), namespace, name, {
    ...(container === null || container === '' ? {} : { container }),
    command: request.query.getAll('command'),
  });
  return replyOf(ran, ({ code, stdout, stderr }) => ({
    kind: 'webSocket',
    protocol,
    start(send, end) {
      const say = (channel: number, text: string): void => {
        if (text !== '') send(Buffer.concat([Buffer.of(channel), Buffer.from(text)]));
      };
      say(CHANNEL.stdout, stdout);
      say(CHANNEL.stderr, stderr);
      say(CHANNEL.error, JSON.stringify(code === 0 ? { metadata: {}, status: 'Success' } : exitStatus(code)));
      end();
    },
  }));
}

/** How a command's exit code is told (k8s.io/apimachinery, `NonZeroExitCodeReason`). */
const exitStatus = (code: number): unknown => ({
  metadata: {},
  status: 'Failure',
  reason: 'NonZeroExitCode',
  message: `command terminated with non-zero exit code: exit status ${code}`,
  details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
});

function log(face: Face, request: HttpRequest, target: Target): HttpReply {
  if (request.method !== 'GET') return refuseMethod(target, request.method);
  const { cluster, clock } = face;
  const { namespace, name } = target;
  const options = logOptions(request, clock.now());
  if (flagOf(request.query, 'follow')) return follow(face, request, target, options);
  const read = cluster.api.log(callerOf(request), namespace, name, options);
  return replyOf(read, (text) => ({ kind: 'text', status: 200, body: text, contentType: 'text/plain' }));
}

function follow(
  { cluster }: Face,
  request: HttpRequest,
  target: Target,
  options: ReturnType<typeof logOptions>,
): HttpReply {
  if (options.previous === true) throw badRequest('only one of follow (-f) or previous (-p) is allowed');
  const early: string[] = [];
  let ended = false;
  let onText = (text: string): void => void early.push(text);
  let onEnd = (): void => {
    ended = true;
  };
  const { namespace, name } = target;
  const listener = { onText: (text: string) => onText(text), onEnd: () => onEnd() };
  const followed = cluster.api.followLog(callerOf(request), namespace, name, options, listener);
  return replyOf(followed, (stop) => ({
    kind: 'stream',
    contentType: 'text/plain',
    start(write, end, onClose) {
      onClose(stop);
      [onText, onEnd] = [write, end];
      early.forEach(write);
      if (ended) end();
    },
  }));
}
