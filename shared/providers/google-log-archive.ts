import { assert } from '../core/assert.ts';
import { toIso } from '../core/time.ts';
import { type LogArchive, logFilterOf } from '../ports/log-archive.ts';
import type { LogEntry } from '../ports/lookout.ts';
import type { Application } from '../system/system.ts';
import type { GoogleAccess } from './google-call.ts';
import { parseEntries } from './google-log-wire.ts';
import { askGoogle } from './google-rest.ts';

/** Entries in one page at the most (reference of entries.list). */
const PAGE = 1_000;

/** Logging v2 by REST; needs logging.logEntries.list. */
export function createGoogleLogArchive(access: GoogleAccess, applications: readonly Application[]): LogArchive {
  return {
    entries: async (id, from, to, limit) => {
      const application = applications.find((known) => known.id === id);
      assert(application !== undefined, `${id} is no application of this system`);
      const span = `timestamp >= "${toIso(from)}" AND timestamp <= "${toIso(to)}"`;
      const filter = `${logFilterOf(access.project, application)} AND ${span}`;
      const found: LogEntry[] = [];
      let next = '';
      // One more than wanted says whether there are more.
      while (found.length <= limit) {
        const body = {
          resourceNames: [`projects/${access.project}`],
          filter,
          orderBy: 'timestamp desc',
          pageSize: Math.min(PAGE, limit + 1 - found.length),
          ...(next === '' ? {} : { pageToken: next }),
        };
        const question = { method: 'POST', path: 'v2/entries:list', body } as const;
        const call = { doing: `reading the logs of ${id}`, effect: 'reads' } as const;
        const page = await askGoogle(access, 'logging', call, question, parseEntries);
        found.push(...page.entries);
        next = page.next;
        if (next === '') break;
      }
      return { entries: found.slice(0, limit).toReversed(), more: found.length > limit };
    },
  };
}
