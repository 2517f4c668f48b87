import type { Json } from '../../core/json.ts';
import type { ObjectWriter } from '../object-format.ts';
import type { ParquetCompression } from './packing.ts';
import { type ParquetState, parquetGroup, parquetHeader, parquetTrailer } from './parquet-encoder.ts';

/**
 * A row group is closed at the first end of a batch by which so many bytes of CSV were gathered. All values of a group are in memory
 * while it is made, as JavaScript has them: larger groups would take several times as much.
 */
const GROUP_BYTES = 8 * 1024 * 1024;

/** Writes Parquet by row groups. The state in the ledger has what the footer will say, so that another process writes the rest. */
export function createParquetWriter(compression: ParquetCompression): ObjectWriter {
  return {
    blockBytes: GROUP_BYTES,
    header: (schema) => written(parquetHeader(schema)),
    block: async (rows, state, offset) => written(await parquetGroup(rows, stateOf(state), compression, offset)),
    trailer: (state, offset) => parquetTrailer(stateOf(state), compression, offset),
  };
}

function written({ bytes, state }: { readonly bytes: Uint8Array; readonly state: ParquetState }) {
  return { bytes, state: state as unknown as Json };
}

function stateOf(state: Json): ParquetState {
  return state as unknown as ParquetState;
}
