import { sha256 } from '../core/digest.ts';
import { isJson, type Json } from '../core/json.ts';
import { PortError } from '../ports/port-error.ts';
import type { DocumentStore, EvidenceStore } from '../ports/store.ts';
import type { Connection, Row } from './sqlite-connection.ts';
import { checkKey, checkLimit, checkSize, EVIDENCE_BYTES_MAX, parsed, storedText } from './stored.ts';

/** Documents whose version grows by one with each write. */
export function sqliteDocuments(connection: Connection): DocumentStore {
  const select = connection.prepare('SELECT * FROM documents WHERE key = ?');
  const insert = connection.prepare(
    'INSERT INTO documents (key, value, version) VALUES (?, ?, 1) ON CONFLICT (key) DO NOTHING',
  );
  const update = connection.prepare(
    'UPDATE documents SET value = ?, version = version + 1 WHERE key = ? AND version = ?',
  );
  const list = connection.prepare('SELECT * FROM documents WHERE key >= ? AND key < ? ORDER BY key LIMIT ?');

  return {
    async get(key) {
      return connection.read(`reading ${key}`, () => {
        const row = select.get(key);
        return row === undefined ? undefined : documentOf(row);
      });
    },

    async put(key, value, expected) {
      checkKey(key);
      const doing = `writing ${key}`;
      const text = storedText(value, doing);
      const changed = await connection.write(doing, () =>
        expected === 0 ? insert.run(key, text) : update.run(text, key, expected),
      );
      return changed === 1;
    },

    async list(prefix, limit) {
      checkLimit(limit);
      // No key contains the last character of all, so this bound is above every key with the prefix.
      const rows = connection.read(`listing ${prefix}`, () => list.all(prefix, `${prefix}\u{10ffff}`, limit));
      return rows.map((row) => ({ key: String(row['key']), ...documentOf(row) }));
    },
  };
}

function documentOf(row: Row): { readonly value: Json; readonly version: number } {
  const doing = `reading ${String(row['key'])}`;
  const value: unknown = parsed(doing, () => JSON.parse(String(row['value'])));
  if (!isJson(value)) throw new PortError('permanent', 'corrupt', doing);
  return { value, version: Number(row['version']) };
}

/** Evidence under the digest of its content, which is checked again when it is read. */
export function sqliteEvidence(connection: Connection): EvidenceStore {
  const insert = connection.prepare(
    'INSERT INTO evidence (digest, content) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING',
  );
  const select = connection.prepare('SELECT content FROM evidence WHERE digest = ?');

  return {
    async keep(content) {
      const digest = sha256(content);
      const doing = `keeping evidence ${digest}`;
      checkSize(content, EVIDENCE_BYTES_MAX, doing);
      await connection.write(doing, () => insert.run(digest, content.toWellFormed()));
      return digest;
    },

    async read(digest) {
      const doing = `reading evidence ${digest}`;
      const content = connection.read(doing, () => select.get(digest))?.['content'];
      if (content === undefined) return undefined;
      if (sha256(String(content)) !== digest) throw new PortError('permanent', 'corrupt', doing);
      return String(content);
    },
  };
}
