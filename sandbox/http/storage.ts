import type { Caller } from '../world/caller.ts';
import type { Project } from '../world/project.ts';
import type { Storage } from '../world/storage.ts';
import type { StorageApi } from '../world/storage-api.ts';
import type { StoredObject } from '../world/storage-bucket.ts';
import { answer, invalidArgument, replyTo } from './google-error.ts';
import { bodyOf, callerOf, checkProject, pageOf } from './google-request.ts';
import type { HttpReply, HttpRequest, Route } from './router.ts';
import { bucketPatchBody, objectBody, objectPatchBody, policyBody } from './storage-body.ts';
import { bucketJson, objectJson, policyJson } from './storage-json.ts';
import { conditionsOf, numberOf, sourceConditionsOf, storageQuery } from './storage-query.ts';
import { shown, type UploadParts, uploadRoutes } from './storage-upload.ts';

// Cloud Storage's JSON API as `@google-cloud/storage`, `gcloud storage` and `gsutil` call it. Buckets are neither created nor deleted.

const BUCKETS = '/storage/v1/b';
const BUCKET = String.raw`${BUCKETS}/(?<bucket>[^/]+)`;
const OBJECT = String.raw`${BUCKET}/o/(?<object>[^/]+)`;
const DOWNLOAD = String.raw`/download${OBJECT}`;

/** Objects in one page at most (docs: "maxResults"). */
const PAGE_MAX = 1_000;

/** What the routes are made with. */
export interface StorageParts {
  readonly project: Project;
  readonly storage: Storage;
  readonly api: StorageApi;
}

/** The routes of the JSON API. */
export function storageRoutes(parts: StorageParts): readonly Route[] {
  const uploads: UploadParts = { api: parts.api, bucketOf: (name) => parts.storage.bucket(name) };
  return [...bucketRoutes(parts), ...policyRoutes(parts), ...objectRoutes(parts, uploads), ...uploadRoutes(uploads)];
}

function bucketRoutes({ project, api }: StorageParts): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: new RegExp(BUCKETS),
      handle(request) {
        const query = storageQuery(request, [
          'project',
          'prefix',
          'maxResults',
          'pageToken',
          'softDeleted',
          'returnPartialSuccess',
        ]);
        checkProject(project, query['project']);
        return answer(api.buckets(callerOf(request)), (all) => {
          const named = all.filter(({ name }) => name.startsWith(query['prefix'] ?? ''));
          const { items, ...rest } = pageOf(named, pageAsked(query), PAGE_MAX);
          return { kind: 'storage#buckets', items: items.map((bucket) => bucketJson(project, bucket)), ...rest };
        });
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(BUCKET),
      handle(request, { bucket = '' }) {
        const query = storageQuery(request, ['softDeleted', 'generation']);
        return answer(api.bucket(callerOf(request), bucket, conditionsOf(query)), (found) =>
          bucketJson(project, found),
        );
      },
    },
    {
      method: 'PATCH',
      pattern: new RegExp(BUCKET),
      handle(request, { bucket = '' }) {
        const query = storageQuery(request, []);
        const patch = bodyOf(bucketPatchBody, request);
        return answer(api.patchBucket(callerOf(request), bucket, patch, conditionsOf(query)), (changed) =>
          bucketJson(project, changed),
        );
      },
    },
    {
      method: 'POST',
      pattern: new RegExp(`${BUCKET}/lockRetentionPolicy`),
      handle(request, { bucket = '' }) {
        const metageneration = numberOf(storageQuery(request, []), 'ifMetagenerationMatch');
        if (metageneration === undefined) throw invalidArgument('Required parameter: ifMetagenerationMatch');
        return answer(api.lockRetention(callerOf(request), bucket, metageneration), (locked) =>
          bucketJson(project, locked),
        );
      },
    },
  ];
}

function policyRoutes({ api }: StorageParts): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: new RegExp(`${BUCKET}/iam`),
      handle(request, { bucket = '' }) {
        storageQuery(request, ['optionsRequestedPolicyVersion']);
        return answer(api.policy(callerOf(request), bucket), (policy) => policyJson(bucket, policy));
      },
    },
    {
      method: 'PUT',
      pattern: new RegExp(`${BUCKET}/iam`),
      handle(request, { bucket = '' }) {
        storageQuery(request, []);
        const { bindings, etag } = bodyOf(policyBody, request);
        return answer(api.setPolicy(callerOf(request), bucket, bindings, etag), (policy) => policyJson(bucket, policy));
      },
    },
  ];
}

function objectRoutes({ storage, api }: StorageParts, uploads: UploadParts): readonly Route[] {
  const json = (object: StoredObject): unknown => objectJson(object, storage.bucket(object.bucket));
  const read = (request: HttpRequest, params: Readonly<Record<string, string>>): HttpReply => {
    const { bucket = '', object: name = '' } = params;
    const query = storageQuery(request, ['generation', 'softDeleted']);
    const isMedia = request.query.get('alt') === 'media' || request.path.startsWith('/download/');
    const outcome = api.object(callerOf(request), { bucket, name }, numberOf(query, 'generation'), conditionsOf(query));
    return replyTo(outcome, (object) =>
      isMedia ? media(object, request) : { kind: 'json', status: 200, body: json(object) },
    );
  };
  const patch = (request: HttpRequest, params: Readonly<Record<string, string>>): HttpReply => {
    const { bucket = '', object: name = '' } = params;
    const query = storageQuery(request, ['generation']);
    const change = bodyOf(objectPatchBody, request);
    return shown(api.patch(callerOf(request), { bucket, name }, change, versionOf(query)), uploads);
  };
  return [
    {
      method: 'GET',
      pattern: new RegExp(`${BUCKET}/o`),
      handle: (request, { bucket = '' }) => list(callerOf(request), bucket, request, api, json),
    },
    { method: 'GET', pattern: new RegExp(OBJECT), handle: read },
    { method: 'GET', pattern: new RegExp(DOWNLOAD), handle: read },
    { method: 'PATCH', pattern: new RegExp(OBJECT), handle: patch },
    {
      method: 'DELETE',
      pattern: new RegExp(OBJECT),
      handle(request, { bucket = '', object: name = '' }) {
        const query = storageQuery(request, ['generation']);
        return replyTo(api.delete(callerOf(request), { bucket, name }, versionOf(query)), () => ({
          kind: 'text',
          status: 204,
          body: '',
          contentType: 'application/json',
        }));
      },
    },
    {
      method: 'POST',
      pattern: new RegExp(String.raw`${OBJECT}/rewriteTo/b/(?<toBucket>[^/]+)/o/(?<toObject>[^/]+)`),
      handle(request, { bucket = '', object: name = '', toBucket = '', toObject = '' }) {
        const query = storageQuery(request, ['sourceGeneration', 'rewriteToken', 'maxBytesRewrittenPerCall']);
        bodyOf(objectBody, request);
        const from = {
          bucket,
          name,
          generation: numberOf(query, 'sourceGeneration'),
          conditions: sourceConditionsOf(query),
        };
        const to = { bucket: toBucket, name: toObject };
        return answer(api.rewrite(callerOf(request), from, to, conditionsOf(query)), (copy) => ({
          kind: 'storage#rewriteResponse',
          totalBytesRewritten: String(copy.content.length),
          objectSize: String(copy.content.length),
          done: true,
          resource: json(copy),
        }));
      },
    },
  ];
}

const LISTING = [
  'prefix',
  'delimiter',
  'startOffset',
  'endOffset',
  'versions',
  'maxResults',
  'pageToken',
  'includeTrailingDelimiter',
  'includeFoldersAsPrefixes',
  'softDeleted',
  'matchGlob',
] as const;

function list(
  caller: Caller,
  bucket: string,
  request: HttpRequest,
  api: StorageApi,
  json: (object: StoredObject) => unknown,
): HttpReply {
  const query = storageQuery(request, LISTING);
  if (query['matchGlob'] !== undefined) throw invalidArgument('The sandbox does not match globs.');
  const { prefix, delimiter, startOffset, endOffset } = query;
  const versions = query['versions']?.toLowerCase() === 'true';
  return answer(api.list(caller, bucket, { prefix, startOffset, endOffset, versions }), (all) => {
    const { items, ...rest } = pageOf(folded(all, prefix ?? '', delimiter), pageAsked(query), PAGE_MAX);
    const prefixes = items.flatMap((item) => (typeof item === 'string' ? [item] : []));
    return {
      kind: 'storage#objects',
      ...(prefixes.length === 0 ? {} : { prefixes }),
      items: items.flatMap((item) => (typeof item === 'string' ? [] : [json(item)])),
      ...rest,
    };
  });
}

/** Objects whose names go on after the delimiter stand together as one prefix. */
function folded(
  objects: readonly StoredObject[],
  prefix: string,
  delimiter: string | undefined,
): readonly (StoredObject | string)[] {
  if (delimiter === undefined || delimiter === '') return objects;
  const seen = new Set<string>();
  return objects.flatMap((object): (StoredObject | string)[] => {
    const end = object.name.indexOf(delimiter, prefix.length);
    if (end < 0) return [object];
    const common = object.name.slice(0, end + delimiter.length);
    if (seen.has(common)) return [];
    seen.add(common);
    return [common];
  });
}

/** The content, or the asked part of it, with the checksums that clients compare. */
function media(object: StoredObject, request: HttpRequest): HttpReply {
  const { content, description, generation, metageneration, crc32c, md5 } = object;
  const headers = {
    'x-goog-hash': `crc32c=${crc32c},md5=${md5}`,
    'x-goog-generation': String(generation),
    'x-goog-metageneration': String(metageneration),
    'x-goog-stored-content-encoding': description.contentEncoding ?? 'identity',
    'x-goog-stored-content-length': String(content.length),
    ...(description.contentEncoding === undefined ? {} : { 'content-encoding': description.contentEncoding }),
  };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers['range'] ?? '');
  const from = Number(range?.[1] ?? 0);
  if (range === null || content.length === 0)
    return { kind: 'bytes', status: 200, body: content, contentType: description.contentType, headers };
  const to = Math.min(range[2] === '' ? content.length - 1 : Number(range[2]), content.length - 1);
  if (from > to) {
    const past = { ...headers, 'content-range': `bytes */${content.length}` };
    return { kind: 'bytes', status: 416, body: new Uint8Array(), contentType: 'text/plain', headers: past };
  }
  return {
    kind: 'bytes',
    status: 206,
    body: content.subarray(from, to + 1),
    contentType: description.contentType,
    headers: { ...headers, 'content-range': `bytes ${from}-${to}/${content.length}` },
  };
}

const pageAsked = (query: Readonly<Record<string, string | undefined>>) => ({
  size: query['maxResults'],
  token: query['pageToken'],
});

const versionOf = (query: Readonly<Record<string, string | undefined>>) => ({
  generation: numberOf(query, 'generation'),
  conditions: conditionsOf(query),
});
