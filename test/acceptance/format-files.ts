import { once } from 'node:events';
import avro from 'avsc';

/** Rows of text or null, as an intake has them and an output should. */
export type TextRows = readonly (readonly (string | null)[])[];
type Row = Readonly<Record<string, string | null>>;
export type OtherFormat = 'jsonl' | 'json' | 'avro';

/** Files of formats as others write and read them: JSON by the engine's own functions, Avro by avsc's streams. */
export const otherFormats: Readonly<
  Record<
    OtherFormat,
    {
      write(columns: readonly string[], rows: TextRows): Promise<Buffer>;
      /** The columns are null where nothing but rows could tell them. */
      read(bytes: Buffer): Promise<{ readonly columns: readonly string[] | null; readonly rows: readonly Row[] }>;
    }
  >
> = {
  jsonl: {
    write: async (columns, rows) =>
      Buffer.from(
        objectsOf(columns, rows)
          .map((row) => `${JSON.stringify(row)}\n`)
          .join(''),
      ),
    read: async (bytes) =>
      keyed(
        bytes
          .toString()
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as Row),
      ),
  },
  json: {
    write: async (columns, rows) => Buffer.from(JSON.stringify(objectsOf(columns, rows), null, 1)),
    read: async (bytes) => keyed(JSON.parse(bytes.toString()) as Row[]),
  },
  avro: {
    async write(columns, rows) {
      const fields = columns.map((name) => ({ name, type: ['null', 'string'], default: null }));
      const schema = { type: 'record', name: 'Row', fields };
      const encoder = new avro.streams.BlockEncoder(
        schema as never,
        { codec: 'deflate', blockSize: 150, writeHeader: 'always' } as never,
      );
      const chunks: Buffer[] = [];
      encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
      for (const row of objectsOf(columns, rows)) encoder.write(row);
      encoder.end();
      await once(encoder, 'end');
      return Buffer.concat(chunks);
    },
    async read(bytes) {
      const decoder = new avro.streams.BlockDecoder();
      const rows: Row[] = [];
      let columns: readonly string[] = [];
      decoder.on('metadata', (type: avro.types.RecordType) => {
        columns = type.fields.map(({ name }) => name);
      });
      decoder.on('data', (row: object) => rows.push({ ...row }));
      decoder.end(bytes);
      await once(decoder, 'end');
      return { columns, rows };
    },
  },
};

function keyed(rows: readonly Row[]): { readonly columns: readonly string[] | null; readonly rows: readonly Row[] } {
  return { columns: rows[0] === undefined ? null : Object.keys(rows[0]), rows };
}

function objectsOf(columns: readonly string[], rows: TextRows): Record<string, string | null>[] {
  return rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null])));
}
