import { randomUUID } from 'node:crypto';
import type { Caller } from '../world/caller.ts';
import type { ApiOutcome } from '../world/kernel.ts';
import type { ObjectDraft } from '../world/storage.ts';
import type { StorageApi } from '../world/storage-api.ts';
import type { Bucket, Preconditions, StoredObject } from '../world/storage-bucket.ts';
import { invalidArgument, notFound, replyTo } from './google-error.ts';
import { bodyOf, callerOf } from './google-request.ts';
import { type HttpReply, type HttpRequest, json, type Route } from './router.ts';
import { objectBody, type ObjectResource } from './storage-body.ts';
import { objectJson } from './storage-json.ts';
import { conditionsOf, storageQuery } from './storage-query.ts';

// Uploads in the three ways of the JSON API: the content alone (`media`), the resource and the content in one body (`multipart`),
// or a session to which the content is sent in parts (`resumable`). An object exists once its whole content has arrived.

const UPLOAD = String.raw`/(?:resumable/)?upload/storage/v1/b/(?<bucket>[^/]+)/o`;

/** Sessions that are kept; Google keeps them for a week. */
const SESSIONS_MAX = 100;

/** 308 "Resume Incomplete": more content is expected. */
const RESUME_INCOMPLETE = 308;

interface Session {
  readonly caller: Caller;
  readonly bucket: string;
  readonly resource: ObjectResource;
  readonly contentType: string | undefined;
  readonly conditions: Preconditions;
  received: Buffer;
}

/** What uploads need: the API, and the bucket with which an object is shown. */
export interface UploadParts {
  readonly api: StorageApi;
  readonly bucketOf: (name: string) => Bucket;
}

/** The routes of uploads. */
export function uploadRoutes(parts: UploadParts): readonly Route[] {
  const sessions = new Map<string, Session>();
  const insert = (caller: Caller, bucket: string, draft: ObjectDraft, conditions: Preconditions): HttpReply =>
    shown(parts.api.insert(caller, bucket, draft, conditions), parts);
  return [
    {
      method: 'POST',
      pattern: new RegExp(UPLOAD),
      raw: true,
      handle(request, { bucket = '' }) {
        const query = storageQuery(request, ['uploadType', 'name']);
        const conditions = conditionsOf(query);
        switch (query['uploadType']) {
          case 'media': {
            const draft = draftOf(emptyResource(query['name']), request.headers['content-type'], request.bytes);
            return insert(callerOf(request), bucket, draft, conditions);
          }
          case 'multipart': {
            const { resource, contentType, content } = readMultipart(request);
            const named = { ...resource, name: query['name'] ?? resource.name };
            return insert(callerOf(request), bucket, draftOf(named, contentType, content), conditions);
          }
          case 'resumable': {
            const text = Buffer.from(request.bytes).toString('utf8');
            const resource = bodyOf(objectBody, { ...request, body: text === '' ? undefined : jsonOf(text) });
            const session: Session = {
              caller: callerOf(request),
              bucket,
              resource: { ...resource, name: query['name'] ?? resource.name },
              contentType: request.headers['x-upload-content-type'],
              conditions,
              received: Buffer.alloc(0),
            };
            const id = randomUUID();
            sessions.set(id, session);
            for (const old of [...sessions.keys()].slice(0, -SESSIONS_MAX)) sessions.delete(old);
            const location = `http://${request.host}${request.path}?uploadType=resumable&upload_id=${id}`;
            return { kind: 'json', status: 200, body: {}, headers: { location, 'x-guploader-uploadid': id } };
          }
          case undefined:
          default:
            throw invalidArgument(`Invalid upload request: ${query['uploadType'] ?? 'no uploadType'}`);
        }
      },
    },
    {
      method: 'PUT',
      pattern: new RegExp(UPLOAD),
      // The address of the session is the authority: clients send no token to it.
      anonymous: true,
      raw: true,
      handle(request) {
        const { upload_id: id = '' } = storageQuery(request, ['uploadType', 'upload_id', 'name']);
        const session = sessions.get(id);
        if (session === undefined) throw notFound('The upload session does not exist, or has ended.');
        if (!take(session, request)) return incomplete(session);
        sessions.delete(id);
        const draft = draftOf(session.resource, session.contentType, session.received);
        return insert(session.caller, session.bucket, draft, session.conditions);
      },
    },
  ];
}

/** An answer with an object in it. */
export const shown = (outcome: ApiOutcome<StoredObject>, { bucketOf }: UploadParts): HttpReply =>
  replyTo(outcome, (object) => json(objectJson(object, bucketOf(object.bucket))));

/** Takes a part, as `Content-Range` names it, or the question how much has arrived; whether the content is complete now. */
function take(session: Session, { headers, bytes }: HttpRequest): boolean {
  const range = headers['content-range'];
  if (range === undefined) {
    session.received = Buffer.from(bytes);
    return true;
  }
  const match = /^bytes (?:\*|(?<from>\d+)-(?<to>\d+))\/(?<total>\*|\d+)$/.exec(range);
  if (match?.groups === undefined) throw invalidArgument(`Invalid Content-Range: ${range}`);
  const { from, total } = match.groups;
  if (from !== undefined) {
    if (Number(from) > session.received.length) throw invalidArgument('The upload has a gap.');
    // A part that is sent again replaces what had arrived of it.
    session.received = Buffer.concat([session.received.subarray(0, Number(from)), bytes]);
  }
  return total !== '*' && session.received.length === Number(total);
}

function incomplete({ received }: Session): HttpReply {
  const range = received.length === 0 ? {} : { range: `bytes=0-${received.length - 1}` };
  return { kind: 'text', status: RESUME_INCOMPLETE, body: '', contentType: 'text/plain', headers: range };
}

const emptyResource = (name: string | undefined): ObjectResource => ({
  name,
  description: {},
  temporaryHold: undefined,
  eventBasedHold: undefined,
  crc32c: undefined,
  md5: undefined,
});

function draftOf(resource: ObjectResource, contentType: string | undefined, content: Uint8Array): ObjectDraft {
  const { name, description, temporaryHold, eventBasedHold, crc32c, md5 } = resource;
  if (name === undefined || name === '') throw invalidArgument('Required parameter: name');
  return {
    name,
    content,
    description: { contentType: contentType ?? 'application/octet-stream', metadata: {}, ...description },
    ...(temporaryHold === undefined ? {} : { temporaryHold }),
    ...(eventBasedHold === undefined ? {} : { eventBasedHold }),
    crc32c,
    md5,
  };
}

/** `multipart/related` with the resource first and the content second (RFC 2387). */
function readMultipart(request: HttpRequest): {
  readonly resource: ObjectResource;
  readonly contentType: string | undefined;
  readonly content: Uint8Array;
} {
  const boundary = /boundary=(?:"([^"]+)"|'([^']+)'|([^;\s]+))/i.exec(request.headers['content-type'] ?? '');
  const mark = boundary?.[1] ?? boundary?.[2] ?? boundary?.[3];
  if (mark === undefined) throw invalidArgument('Missing boundary of multipart/related.');
  const [first, second] = partsOf(Buffer.from(request.bytes), `--${mark}`);
  if (first === undefined || second === undefined) throw invalidArgument('A multipart upload has two parts.');
  return {
    resource: bodyOf(objectBody, { ...request, body: jsonOf(first.body.toString('utf8')) }),
    contentType: /^content-type: *(.+)$/im.exec(second.head)?.[1]?.trim(),
    content: second.body,
  };
}

function partsOf(bytes: Buffer, mark: string): readonly { readonly head: string; readonly body: Buffer }[] {
  const starts: number[] = [];
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length)) starts.push(at);
  return starts.slice(0, -1).flatMap((start, index) => {
    const part = bytes.subarray(start + mark.length, starts[index + 1]);
    const crlf = part.indexOf('\r\n\r\n');
    const [end, width] = crlf >= 0 ? [crlf, 4] : [part.indexOf('\n\n'), 2];
    if (end < 0) return [];
    const body = part.subarray(end + width);
    // The line break before the next boundary belongs to that.
    const tail = body.at(-1) !== 0x0a ? 0 : body.at(-2) === 0x0d ? 2 : 1;
    return [{ head: part.subarray(0, end).toString('utf8'), body: body.subarray(0, body.length - tail) }];
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidArgument('Invalid JSON payload received.');
  }
}
