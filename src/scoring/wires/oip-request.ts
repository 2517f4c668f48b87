import { ByteWriter } from '../../core/byte-writer.ts';
import { decodeField, QUOTE } from '../../core/canonical-csv.ts';
import { plainDecimal } from '../../core/decimal.ts';
import { SluiceError } from '../../core/error.ts';
import { writeCellJson } from './cell-json.ts';
import { type BatchCells, cellNumber, isPlainNumber } from './oip-cells.ts';
import type { InputTensor } from './oip-columns.ts';
import type { OipDatatype } from './oip-metadata.ts';

const COMMA = 0x2c;
const encoder = new TextEncoder();

/** Types of numbers that are sent and read in binary; of FP16 only JSON is. */
export type BinaryNumber = Exclude<OipDatatype, 'BYTES' | 'FP16'>;

/** Bytes of a number in a binary tensor; BYTES have a length before each. */
export const NUMBER_BYTES: Readonly<Record<BinaryNumber, number>> = {
  BOOL: 1,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  FP32: 4,
  FP64: 8,
};

/** The body of a request with all in JSON. @param output the output to ask for; null for all. */
export function jsonRequest(cells: BatchCells, tensors: readonly InputTensor[], output: string | null): Uint8Array {
  const out = new ByteWriter(2 * cells.batch.bytes.length);
  out.ascii('{"inputs":[');
  for (const [i, tensor] of tensors.entries()) {
    if (i > 0) out.byte(COMMA);
    out.text(`${headOf(tensor, cells)},"data":[`);
    writeData(out, cells, tensor);
    out.ascii(']}');
  }
  out.text(output === null ? ']}' : `],"outputs":[{"name":${JSON.stringify(output)}}]}`);
  return out.written;
}

/** The body of a request with binary tensors behind its JSON, and how long the JSON is, in bytes. */
export function binaryRequest(
  cells: BatchCells,
  tensors: readonly InputTensor[],
  output: string | null,
): { readonly body: Uint8Array; readonly headerBytes: number } {
  const data = tensors.map((tensor) => binaryData(cells, tensor));
  const inputs = tensors.map(
    (tensor, i) => `${headOf(tensor, cells)},"parameters":{"binary_data_size":${data[i]!.length}}}`,
  );
  const wanted =
    output === null ? '' : `,"outputs":[{"name":${JSON.stringify(output)},"parameters":{"binary_data":true}}]`;
  const header = encoder.encode(`{"inputs":[${inputs.join(',')}],"parameters":{"binary_data_output":true}${wanted}}`);
  return { body: Buffer.concat([header, ...data]), headerBytes: header.length };
}

function headOf({ name, datatype, rank, columns }: InputTensor, { rows }: BatchCells): string {
  const shape = rank === 1 ? `${rows.length}` : `${rows.length},${columns.length}`;
  return `{"name":${JSON.stringify(name)},"shape":[${shape}],"datatype":"${datatype}"`;
}

function writeData(out: ByteWriter, { batch, bounds, rows }: BatchCells, { datatype, columns }: InputTensor): void {
  const { bytes } = batch;
  const step = 2 * batch.schema.columns.length;
  for (let i = 0; i < rows.length; i += 1) {
    for (let c = 0; c < columns.length; c += 1) {
      if (i + c > 0) out.byte(COMMA);
      const at = rows[i]! * step + 2 * columns[c]!;
      const [start, end] = [bounds[at]!, bounds[at + 1]!];
      // The protocol has no missing text.
      if (datatype === 'BYTES' && start === end) out.ascii('""');
      else if (datatype === 'BYTES') writeCellJson(out, bytes, start, end, 'text');
      else if (isPlainNumber(bytes, start, end, datatype)) out.bytes(bytes, start, end);
      else out.ascii(numberText(cellNumber(bytes, start, end, datatype), datatype));
    }
  }
}

function numberText(value: number | null, datatype: OipDatatype): string {
  if (value === null || Number.isNaN(value)) return 'null';
  if (datatype === 'BOOL') return value === 1 ? 'true' : 'false';
  // Large whole numbers would be written with an exponent.
  return datatype.startsWith('FP') ? String(value) : String(BigInt(value));
}

function binaryData(cells: BatchCells, tensor: InputTensor): Uint8Array {
  const { batch, bounds, rows } = cells;
  const { datatype, columns } = tensor;
  if (datatype === 'BYTES') return binaryTexts(cells, columns);
  if (datatype === 'FP16')
    throw new SluiceError(
      'CONFIG_INVALID',
      `The input "${tensor.name}" is FP16; set deployment.oip.encoding: json for it.`,
    );
  const size = NUMBER_BYTES[datatype];
  const data = new Uint8Array(rows.length * columns.length * size);
  const view = new DataView(data.buffer);
  const step = 2 * batch.schema.columns.length;
  let out = 0;
  for (let i = 0; i < rows.length; i += 1) {
    for (let c = 0; c < columns.length; c += 1, out += size) {
      const at = rows[i]! * step + 2 * columns[c]!;
      const [start, end] = [bounds[at]!, bounds[at + 1]!];
      const plain = datatype === 'BOOL' || batch.bytes[start] === QUOTE ? null : plainDecimal(batch.bytes, start, end);
      const value = plain ?? cellNumber(batch.bytes, start, end, datatype) ?? Number.NaN;
      if (datatype === 'INT64' || datatype === 'UINT64')
        view.setBigInt64(out, wholeNumber(batch.bytes, start, end, value), true);
      else setNumber(view, out, datatype, value);
    }
  }
  return data;
}

/** Of digits that no double holds, the digits. */
function wholeNumber(bytes: Uint8Array, start: number, end: number, value: number): bigint {
  const text = decodeField(bytes, start, end) ?? '';
  return BigInt.asIntN(64, /^[+-]?\d+$/.test(text.trim()) ? BigInt(text.trim().replace('+', '')) : BigInt(value));
}

function setNumber(view: DataView, at: number, datatype: BinaryNumber, value: number): void {
  if (datatype === 'FP64') view.setFloat64(at, value, true);
  else if (datatype === 'FP32') view.setFloat32(at, value, true);
  else if (datatype === 'INT32') view.setInt32(at, value, true);
  else if (datatype === 'UINT32') view.setUint32(at, value, true);
  else if (datatype === 'INT16') view.setInt16(at, value, true);
  else if (datatype === 'UINT16') view.setUint16(at, value, true);
  else view.setInt8(at, value);
}

function binaryTexts({ batch, bounds, rows }: BatchCells, columns: readonly number[]): Uint8Array {
  const step = 2 * batch.schema.columns.length;
  const pieces: Uint8Array[] = [];
  for (const row of rows) {
    for (const column of columns) {
      const at = row * step + 2 * column;
      const text = encoder.encode(decodeField(batch.bytes, bounds[at]!, bounds[at + 1]!) ?? '');
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.length);
      pieces.push(length, text);
    }
  }
  return Buffer.concat(pieces);
}
