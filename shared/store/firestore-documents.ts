import { sha256 } from '../core/digest.ts';
import { isJson, type Json } from '../core/json.ts';
import { PortError } from '../ports/port-error.ts';
import type { DocumentStore, EvidenceStore } from '../ports/store.ts';
import type { Found } from '../providers/firestore-client.ts';
import type { FirestoreConnection } from '../providers/firestore-connection.ts';
import { DOCUMENTS, EVIDENCE, nameAfter, nameOf, placeOf } from './firestore-layout.ts';
import { checkKey, checkLimit, checkSize, EVIDENCE_BYTES_MAX, parsed, storedText } from './stored.ts';

/** Documents whose version grows by one with each write. */
export function firestoreDocuments(connection: FirestoreConnection): DocumentStore {
  return {
    async get(key) {
      const doing = `reading ${key}`;
      const [found] = (await connection.look(doing, [placeOf(DOCUMENTS, key)])).documents;
      return found === undefined ? undefined : documentOf(found, doing);
    },

    async put(key, value, expected) {
      checkKey(key);
      const doing = `writing ${key}`;
      const path = placeOf(DOCUMENTS, key);
      const fields = { key, value: storedText(value, doing), version: expected + 1 };
      if (expected === 0) return (await connection.create(doing, { path, fields })) === 'created';
      return connection.change(
        doing,
        [path],
        ({ documents: [found] }) => {
          const isExpected = found?.fields['version'] === expected;
          return { result: isExpected, writes: isExpected ? [{ path, fields }] : [] };
        },
        ['version'],
      );
    },

    async list(prefix, limit) {
      checkLimit(limit);
      const doing = `listing ${prefix}`;
      const range = { from: nameOf(prefix), below: nameAfter(prefix) };
      const listing = { collection: DOCUMENTS, by: 'id', order: 'ascending', limit } as const;
      const found = await connection.list(doing, { ...listing, ...range });
      return found.map((document) => ({ key: String(document.fields['key']), ...documentOf(document, doing) }));
    },
  };
}

function documentOf({ fields }: Found, doing: string): { readonly value: Json; readonly version: number } {
  const value: unknown = parsed(doing, () => JSON.parse(String(fields['value'])));
  if (!isJson(value)) throw new PortError('permanent', 'corrupt', doing);
  return { value, version: Number(fields['version']) };
}

/**
 * Evidence under the digest of its content, which is checked again when it is read. It never expires: logs refer to it.
 */
export function firestoreEvidence(connection: FirestoreConnection): EvidenceStore {
  return {
    async keep(content) {
      const digest = sha256(content);
      const doing = `keeping evidence ${digest}`;
      checkSize(content, EVIDENCE_BYTES_MAX, doing);
      await connection.create(doing, {
        path: `${EVIDENCE}/${digest}`,
        // The digest is of UTF-8, which has no lone surrogates.
        fields: { content: content.toWellFormed() },
      });
      return digest;
    },

    async read(digest) {
      const doing = `reading evidence ${digest}`;
      const [found] = (await connection.look(doing, [`${EVIDENCE}/${digest}`])).documents;
      if (found === undefined) return undefined;
      const content = String(found.fields['content']);
      if (sha256(content) !== digest) throw new PortError('permanent', 'corrupt', doing);
      return content;
    },
  };
}
