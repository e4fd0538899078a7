import { z } from 'zod';
import { toIso } from '../../shared/core/time.ts';
import { logName, parseFilter } from '../world/logging-filter.ts';
import type { LogEntry, LogsApi } from '../world/logs.ts';
import type { Project } from '../world/project.ts';
import { answer, invalidArgument } from './google-error.ts';
import { bodyOf, callerOf, checkProject, pageOf, queryOf } from './google-request.ts';
import type { Route } from './router.ts';

/** Entries in one page, unless fewer are asked for (reference: default 50, at most 1,000). */
const PAGE_MAX = 1_000;
const PAGE_DEFAULT = 50;

const listWire = z.strictObject({
  resourceNames: z.array(z.string()).min(1),
  filter: z.string().default(''),
  orderBy: z.enum(['', 'timestamp', 'timestamp asc', 'timestamp desc']).default(''),
  pageSize: z.number().int().optional(),
  pageToken: z.string().optional(),
});

/** Logging v2 entries:list, for `gcloud logging read`. */
export function loggingRoutes({ project, api }: { project: Project; api: LogsApi }): readonly Route[] {
  return [
    {
      method: 'POST',
      pattern: /\/v2\/entries:list/,
      handle(request) {
        queryOf(request, []);
        const { resourceNames, filter, orderBy, pageSize, pageToken } = bodyOf(listWire, request);
        for (const name of resourceNames) {
          const [, named] = /^projects\/([^/]+)$/.exec(name) ?? [];
          if (named === undefined) throw invalidArgument(`The sandbox keeps logs of projects only, not of '${name}'.`);
          checkProject(project, named);
        }
        const size = String(pageSize || PAGE_DEFAULT);
        return answer(api.list(callerOf(request), parseFilter(filter, project)), (found) => {
          const sign = orderBy === 'timestamp desc' ? -1 : 1;
          const sorted = found.toSorted((a, b) => sign * (a.at - b.at));
          const { items, ...rest } = pageOf(sorted, { size, token: pageToken }, PAGE_MAX);
          return { entries: items.map((entry) => entryJson(project, entry)), ...rest };
        });
      },
    },
  ];
}

function entryJson(project: Project, entry: LogEntry): unknown {
  const { insertId, resource, at, severity, text, protoPayload } = entry;
  const timestamp = toIso(at);
  return {
    logName: logName(project, entry),
    resource,
    timestamp,
    receiveTimestamp: timestamp,
    severity,
    insertId,
    ...(protoPayload === undefined ? { textPayload: text } : { protoPayload }),
  };
}
