import { SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import type { Schema } from '../../core/schema.ts';
import type { ObjectWriter } from '../object-format.ts';
import { MAGIC } from './magic.ts';
import type { ParquetCompression } from './packing.ts';
import type { ParquetState } from './parquet-encoder.ts';

/**
 * A row group is closed at the first end of a batch by which so many bytes of CSV were gathered. All values of a group are in memory
 * while it is made, as JavaScript has them: larger groups would take several times as much.
 */
const GROUP_BYTES = 8 * 1024 * 1024;

/** Loaded when there are rows to write: it brings half a hundred modules, which few runs have a use for. */
const encoder = () => import('./parquet-encoder.ts');

/** Writes Parquet by row groups. The state in the ledger has what the footer will say, so that another process writes the rest. */
export function createParquetWriter(compression: ParquetCompression): ObjectWriter {
  return {
    blockBytes: GROUP_BYTES,
    header: (schema) => written(parquetHeader(schema)),
    block: async (rows, state, offset) => {
      const { parquetGroup } = await encoder();
      return written(await parquetGroup(rows, stateOf(state), compression, offset));
    },
    trailer: async (state, offset) => {
      const { parquetTrailer } = await encoder();
      return await parquetTrailer(stateOf(state), compression, offset);
    },
  };
}

/** The bytes that a file begins with, and the state behind them. Throws OUTPUT_TYPE for what no Parquet file can have. */
function parquetHeader(schema: Schema): { readonly bytes: Uint8Array; readonly state: ParquetState } {
  const names = schema.columns.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new SluiceError(
      'OUTPUT_TYPE',
      `Two output columns are named "${twice}"; rename one with columnNamesRemapping.`,
    );
  return { bytes: new Uint8Array(MAGIC), state: { columns: schema.columns, groups: [] } };
}

function written({ bytes, state }: { readonly bytes: Uint8Array; readonly state: ParquetState }) {
  return { bytes, state: state as unknown as Json };
}

function stateOf(state: Json): ParquetState {
  return state as unknown as ParquetState;
}
