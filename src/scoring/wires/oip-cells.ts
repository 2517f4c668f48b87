import { decodeField, QUOTE } from '../../core/canonical-csv.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { RowFailure } from '../../core/scorer.ts';
import { isJsonNumber } from './cell-json.ts';
import { isMissing } from './model-inputs.ts';
import type { InputTensor } from './oip-columns.ts';
import type { OipDatatype } from './oip-metadata.ts';

const SHOWN_CHARACTERS = 100;

/** The fields of a batch, as the tensors of a request need them. */
export interface BatchCells {
  readonly batch: RowBatch;
  /** Start and end of every field of every row, in turn. */
  readonly bounds: Uint32Array;
  /** Indexes of the rows that can be sent. */
  readonly rows: readonly number[];
  /** The others, and why. */
  readonly unsent: readonly RowFailure[];
}

/** Sorts out the rows with cells that their tensor cannot hold: they are never sent, and the server is asked for the others. */
export function sortOut(batch: RowBatch, bounds: Uint32Array, tensors: readonly InputTensor[]): BatchCells {
  const step = 2 * batch.schema.columns.length;
  const rows: number[] = [];
  const unsent: RowFailure[] = [];
  for (let row = 0; row < batch.rows; row += 1) {
    let reason: string | null = null;
    for (let t = 0; t < tensors.length && reason === null; t += 1) {
      const { datatype, columns } = tensors[t]!;
      if (datatype === 'BYTES') continue;
      for (let c = 0; c < columns.length && reason === null; c += 1) {
        const column = columns[c]!;
        const at = row * step + 2 * column;
        reason = problemOf(batch, column, bounds[at]!, bounds[at + 1]!, datatype);
      }
    }
    if (reason === null) rows.push(row);
    else unsent.push({ row, reason, attempts: 1 });
  }
  return { batch, bounds, rows, unsent };
}

/** Why a cell cannot go into a tensor of numbers; null if it can. */
function problemOf(batch: RowBatch, column: number, start: number, end: number, datatype: OipDatatype): string | null {
  const { bytes, schema } = batch;
  const isFloat = datatype === 'FP64' || datatype === 'FP32' || datatype === 'FP16';
  if (isFloat && (start === end || isJsonNumber(bytes, start, end))) return null;
  const value = cellNumber(bytes, start, end, datatype);
  if (value !== null && (isFloat || !Number.isNaN(value))) return null;
  const { name } = schema.columns[column]!;
  const text = decodeField(bytes, start, end) ?? '';
  if (isMissing(text)) return `Column "${name}": a number of the type ${datatype} must be there.`;
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
  return `Column "${name}": "${shown}" is not a ${isFloat ? 'number' : `value of the type ${datatype}`}.`;
}

const DECIMAL = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i;
const YES = /^\s*(true|t|yes)\s*$/i;
const NO = /^\s*(false|f|no)\s*$/i;

/**
 * The number in a cell that goes into a tensor: NaN for a missing one, 1 and 0 for true and false where booleans belong; null for
 * what is none, or no whole number where one belongs.
 */
export function cellNumber(bytes: Uint8Array, start: number, end: number, datatype: OipDatatype): number | null {
  const text = decodeField(bytes, start, end) ?? '';
  if (isMissing(text)) return Number.NaN;
  if (datatype === 'BOOL') {
    if (YES.test(text)) return 1;
    if (NO.test(text)) return 0;
  }
  if (!DECIMAL.test(text)) return null;
  const value = Number(text);
  if (!Number.isFinite(value)) return null;
  if (datatype.startsWith('FP')) return value;
  if (datatype === 'BOOL') return value === 0 || value === 1 ? value : null;
  const bits = Number(datatype.replace(/^U?INT/, ''));
  const [least, most] = datatype.startsWith('U') ? [0, 2 ** bits] : [-(2 ** (bits - 1)), 2 ** (bits - 1)];
  return Number.isInteger(value) && value >= least && value < most ? value : null;
}

/** Whether a cell can be copied into a list of numbers as it stands. */
export function isPlainNumber(bytes: Uint8Array, start: number, end: number, datatype: OipDatatype): boolean {
  if (bytes[start] === QUOTE || !isJsonNumber(bytes, start, end)) return false;
  if (datatype.startsWith('FP')) return true;
  if (datatype === 'BOOL') return false;
  for (let at = start; at < end; at += 1) if (bytes[at] === 0x2e || (bytes[at]! | 0x20) === 0x65) return false;
  return true;
}
