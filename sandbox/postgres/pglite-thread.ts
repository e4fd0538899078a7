import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { z } from 'zod';

// PGlite in a thread: what it computes holds nobody up, and when it ends, nothing else does. One request after the other.

const request = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('raw'), messages: z.instanceof(Uint8Array) }),
  z.object({ kind: z.literal('query'), sql: z.string(), parameters: z.array(z.string()) }),
  z.object({ kind: z.literal('execute'), sql: z.string() }),
  z.object({ kind: z.literal('image') }),
  z.object({ kind: z.literal('close') }),
]);

const bytes = z.instanceof(Uint8Array<ArrayBuffer>);
const start = z
  .object({
    image: bytes.optional(),
    database: z.string(),
    program: z.instanceof(WebAssembly.Module),
    initdb: z.array(z.string()),
  })
  .parse(workerData);

/**
 * A database here holds megabytes. The buffers that PostgreSQL takes by default, 128 MiB, are zeroed when it starts, which took longer
 * than all the rest of a start, and are held for as long as it runs; and an image holds the log of what was written, as much as is kept.
 */
const SIZES = ['-c', 'shared_buffers=16MB', '-c', 'min_wal_size=2MB', '-c', 'max_wal_size=4MB'];

/** An image as PGlite asks for it, without a copy more of its tens of megabytes: this thread has one of its own already. */
class OwnImage extends Blob {
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(own: Uint8Array<ArrayBuffer>) {
    super([]);
    this.#bytes = own;
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    const { buffer, byteOffset, byteLength } = this.#bytes;
    return byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
  }
}

const database = await PGlite.create({
  database: start.database,
  pgliteWasmModule: start.program,
  initDbStartParams: start.initdb,
  startParams: [...PGlite.defaultStartParams, ...SIZES],
  ...(start.image === undefined ? {} : { loadDataDir: new OwnImage(start.image) }),
});

async function answer(asked: z.infer<typeof request>): Promise<unknown> {
  switch (asked.kind) {
    case 'raw': {
      const parts: Uint8Array[] = [];
      await database.runExclusive(() =>
        // A part is only lent: the next one may be written over it.
        database.execProtocolRawStream(asked.messages, { onRawData: (part) => void parts.push(part.slice()) }),
      );
      return Buffer.concat(parts);
    }
    case 'query':
      return (await database.query(asked.sql, asked.parameters)).rows;
    case 'execute':
      await database.exec(asked.sql);
      return undefined;
    case 'image':
      return new Uint8Array(await (await database.dumpDataDir('none')).arrayBuffer());
    case 'close':
      await database.close();
      return undefined;
  }
}

const failure = (error: unknown): { readonly code: string; readonly message: string } => {
  const told = z.object({ code: z.string(), message: z.string() }).safeParse(error);
  return told.success ? told.data : { code: 'XX000', message: error instanceof Error ? error.message : String(error) };
};

parentPort?.on('message', (message: unknown) => {
  void answer(request.parse(message)).then(
    (value) => parentPort?.postMessage({ kind: 'answer', value }),
    (error: unknown) => parentPort?.postMessage({ kind: 'failure', ...failure(error) }),
  );
});
parentPort?.postMessage({ kind: 'answer', value: undefined });
