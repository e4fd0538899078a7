import { z } from 'zod';
import { json, type Route } from '../http/router.ts';

/** A notice as a webhook delivered it. */
export interface PostedNotice {
  /** Counts from 1 in the order of arrival. */
  readonly number: number;
  /** Last part of the webhook's path: whose pager it is. */
  readonly person: string;
  readonly body: unknown;
}

/** Longest wait of a reader for the next notice, in wall milliseconds. */
const WAIT_MS = 20_000;

const afterWire = z.coerce.number().int().min(0).default(0);

/** Where the reference system's pagers are: takes webhooks, keeps what came, and lets a reader wait for the next. */
export class NoticeBoard {
  readonly #posted: PostedNotice[] = [];
  readonly #waiting = new Set<() => void>();

  /** How many notices have come. */
  count(): number {
    return this.#posted.length;
  }

  /** Routes for the webhooks themselves, and for whoever reads them. */
  routes(): readonly Route[] {
    return [
      {
        method: 'POST',
        pattern: /\/dr\/(?<person>[\w-]+)/,
        anonymous: true,
        handle: (request, { person = '' }) => {
          this.#posted.push({ number: this.#posted.length + 1, person, body: request.body });
          for (const wake of this.#waiting) wake();
          return json({ accepted: true }, 202);
        },
      },
      {
        // A party outside Google that pages people when it hears nothing.
        method: 'GET',
        pattern: /\/heartbeat\/[0-9a-f]+/,
        anonymous: true,
        handle: () => json({ ok: true }),
      },
    ];
  }

  /** Route of the control server: notices after a number, at once or as soon as there are some. */
  reader(): Route {
    return {
      method: 'GET',
      pattern: /\/notices/,
      handle: async (request) => {
        const after = afterWire.parse(request.query.get('after') ?? undefined);
        if (this.#posted.length <= after) await this.#next();
        return json(this.#posted.slice(after));
      },
    };
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, WAIT_MS);
      timer.unref();
      this.#waiting.add(end);
    });
  }
}
