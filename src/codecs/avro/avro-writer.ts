import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import type { ColumnType, Schema } from '../../core/schema.ts';
import type { OutputRows } from '../../core/scored-batch.ts';
import { COLUMN_ATTRIBUTE } from '../messages/avro/avro-node.ts';
import { avroSchemaOf } from '../messages/avro/avro-type.ts';
import { RecordEncoder } from '../messages/avro/record-encoder.ts';
import { fieldNames } from '../messages/avro/row-schema.ts';
import { fieldsOf } from '../messages/fields-of.ts';
import type { ObjectWriter } from '../object-format.ts';
import { encodeHeader, SYNC_BYTES } from './container-header.ts';
import { varint } from './varint.ts';

const deflate = promisify<Uint8Array, Buffer>(zlib.deflateRaw);

/** A block is packed and read at once, and an interrupted output goes on behind one. */
const BLOCK_BYTES = 256 * 1024;

/** What is known of an output, in JSON. */
interface WriterState {
  readonly columns: Schema['columns'];
  /** Hex. */
  readonly sync: string;
}

/** Writes an Avro object container file with deflated blocks; the types of the fields are those of the columns. */
export function createAvroWriter(): ObjectWriter {
  let made: RecordEncoder | null = null;
  const encoderFor = ({ columns }: WriterState): RecordEncoder =>
    (made ??= new RecordEncoder(
      avroSchemaOf(schemaText({ columns })),
      columns.map(({ name }) => name),
    ));
  return {
    blockBytes: BLOCK_BYTES,
    header({ columns }, seed) {
      const sync = Buffer.from(seed, 'hex').subarray(0, SYNC_BYTES);
      const state: WriterState = { columns, sync: sync.toString('hex') };
      const bytes = encodeHeader({ schema: schemaText({ columns }), codec: 'deflate', sync });
      return { bytes, state: state as unknown as Json };
    },
    async block(rows, state) {
      const known = state as unknown as WriterState;
      const encoder = encoderFor(known);
      const parts = rows.map((batch) => encodeRows(encoder, batch, known.columns.length));
      const data = await deflate(Buffer.concat(parts));
      const records = rows.reduce((sum, { ends }) => sum + ends.length, 0);
      const sync = Buffer.from(known.sync, 'hex');
      return { bytes: Buffer.concat([varint(records), varint(data.length), data, sync]), state };
    },
    trailer: () => new Uint8Array(0),
  };
}

function encodeRows(encoder: RecordEncoder, { bytes, ends }: OutputRows, columns: number): Uint8Array {
  const rows = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let out = Buffer.allocUnsafeSlow(ends.length * (2 * columns + 8) + 2 * bytes.length);
  let at = 0;
  for (let i = 0, start = 0; i < ends.length; start = ends[i]!, i += 1) {
    const record = encoder.record(fieldsOf(rows, start, columns), i);
    for (;;) {
      const stop = encoder.encode(record, out, at);
      if (stop >= 0) {
        at = stop;
        break;
      }
      out = Buffer.concat([out.subarray(0, at)], 2 * (out.length - stop));
    }
  }
  return out.subarray(0, at);
}

const TYPES: Readonly<Record<ColumnType, unknown>> = {
  boolean: 'boolean',
  integer: 'long',
  number: 'double',
  // Digits that no double holds, and how many is not known.
  decimal: 'string',
  string: 'string',
  date: { type: 'int', logicalType: 'date' },
  timestamp: { type: 'long', logicalType: 'timestamp-micros' },
};

/** The schema of rows, as JSON: a record whose fields may be null. `doc` and an attribute of
 * our own have the name of a column that cannot be the name of a field. */
function schemaText({ columns }: Schema): string {
  const names = fieldNames(columns);
  const fields = columns.map(({ name, type }, i) => ({
    name: names[i],
    type: ['null', TYPES[type ?? 'string']],
    default: null,
    ...(names[i] === name ? {} : { doc: name, [COLUMN_ATTRIBUTE]: name }),
  }));
  if (fields.length === 0) throw new SluiceError('CONTRACT_BROKEN', 'an Avro file was begun without a column');
  return JSON.stringify({ type: 'record', name: 'SluiceRow', fields });
}
