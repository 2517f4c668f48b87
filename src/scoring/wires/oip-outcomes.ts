import { ByteWriter } from '../../core/byte-writer.ts';
import { floatText } from '../../core/float-text.ts';
import type { RowFailure } from '../../core/scorer.ts';
import { skipSpace } from './json-bytes.ts';
import type { OutputTensor } from './oip-reply.ts';
import { type BinaryNumber, NUMBER_BYTES } from './oip-request.ts';
import { readList } from './outcome-list.ts';
import { replyMismatch } from './reply-mismatch.ts';
import type { RowOutcomes } from './row-outcomes.ts';

const OPEN_LIST = 0x5b;

/**
 * The outcomes of rows in one output tensor: numbers, one or several of a row, or labels (BYTES). Throws REPLY_MISMATCH unless
 * its shape and its data are of so many rows, and a SyntaxError for what is no JSON.
 */
export function outcomesIn(target: string, output: OutputTensor, rows: number): RowOutcomes {
  const { name, shape, datatype, binaryBytes } = output;
  const size = shape.reduce((product, one) => product * one, 1);
  if (shape[0] !== rows) throw replyMismatch(target, `has ${shape[0]} rows in the output "${name}" for ${rows}`);
  const width = size / rows;
  if (width < 1) throw replyMismatch(target, `has an empty output "${name}"`);
  const float32 = datatype === 'FP32' || datatype === 'FP16';
  if (binaryBytes === null) return { ...listOutcomes(target, output, rows, width), float32 };
  if (datatype === 'BYTES') return labelOutcomes(target, output, rows, width);
  if (datatype === 'FP16') throw replyMismatch(target, `has an output "${name}" of FP16 in binary, which is not read`);
  return { ...binaryOutcomes(target, output, datatype, rows, width), float32 };
}

function listOutcomes(
  target: string,
  { name, source, at, datatype }: OutputTensor,
  rows: number,
  width: number,
): RowOutcomes {
  // Data may be one list, or nested as the shape says.
  const isNested = source[at] === OPEN_LIST && source[skipSpace(source, at + 1)] === OPEN_LIST;
  if (isNested && datatype === 'BYTES') throw replyMismatch(target, `has nested texts in the output "${name}"`);
  // No memory is taken for numbers that the reply has no room for.
  if (!isNested && rows * width > source.length)
    throw replyMismatch(target, `has other data in the output "${name}" than its shape says`);
  const { outcomes } = readList(target, source, at, isNested ? rows : rows * width);
  if (isNested && outcomes.width !== width && outcomes.width !== 0)
    throw replyMismatch(target, `has other data in the output "${name}" than its shape says`);
  if (isNested) return outcomes;
  if (outcomes.labels !== null && width > 1)
    throw replyMismatch(target, `has several labels for each row in "${name}"`);
  const failures = byRow(outcomes.failures, width);
  return { ...outcomes, rows, width: outcomes.width === 0 ? 0 : width, failures };
}

/** Failures of numbers as those of their rows. */
function byRow(failures: readonly RowFailure[], width: number): readonly RowFailure[] {
  if (width === 1) return failures;
  const rows = new Map<number, RowFailure>();
  for (const failure of failures) {
    const row = Math.floor(failure.row / width);
    if (!rows.has(row)) rows.set(row, { ...failure, row });
  }
  return [...rows.values()];
}

function binaryOutcomes(
  target: string,
  { name, source, at, binaryBytes }: OutputTensor,
  datatype: BinaryNumber,
  rows: number,
  width: number,
): RowOutcomes {
  const size = NUMBER_BYTES[datatype];
  if (binaryBytes !== rows * width * size)
    throw replyMismatch(
      target,
      `has ${binaryBytes} bytes in the output "${name}", whose shape says ${rows * width * size}`,
    );
  const view = new DataView(source.buffer, source.byteOffset + at, binaryBytes);
  const bounds = new Uint32Array(2 * rows * width);
  const out = new ByteWriter(12 * rows * width);
  const failures: RowFailure[] = [];
  for (let cell = 0; cell < rows * width; cell += 1) {
    const value = numberAt(view, cell * size, datatype);
    if (typeof value === 'number' && !Number.isFinite(value)) {
      const row = Math.floor(cell / width);
      if (failures.at(-1)?.row !== row)
        failures.push({ row, reason: `the prediction is ${value}, not a number`, attempts: 1 });
      continue;
    }
    bounds[2 * cell] = out.written.length;
    out.ascii(datatype === 'FP32' ? floatText(Number(value)) : String(value));
    bounds[2 * cell + 1] = out.written.length;
  }
  return { rows, width, bounds, source: out.written, names: null, labels: null, float32: false, failures };
}

function numberAt(view: DataView, at: number, datatype: BinaryNumber): number | bigint {
  if (datatype === 'FP64') return view.getFloat64(at, true);
  if (datatype === 'FP32') return view.getFloat32(at, true);
  if (datatype === 'INT64') return view.getBigInt64(at, true);
  if (datatype === 'UINT64') return view.getBigUint64(at, true);
  if (datatype === 'INT32') return view.getInt32(at, true);
  if (datatype === 'UINT32') return view.getUint32(at, true);
  if (datatype === 'INT16') return view.getInt16(at, true);
  if (datatype === 'UINT16') return view.getUint16(at, true);
  return datatype === 'INT8' ? view.getInt8(at) : view.getUint8(at);
}

function labelOutcomes(
  target: string,
  { name, source, at: from, binaryBytes }: OutputTensor,
  rows: number,
  width: number,
): RowOutcomes {
  if (width > 1) throw replyMismatch(target, `has several labels for each row in "${name}"`);
  const end = from + (binaryBytes ?? 0);
  const data = Buffer.from(source.buffer, source.byteOffset, source.length);
  const labels: string[] = [];
  for (let at = from; at < end; ) {
    const length = at + 4 <= end ? data.readUInt32LE(at) : end;
    if (at + 4 + length > end) throw replyMismatch(target, `breaks off in the output "${name}"`);
    labels.push(data.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (labels.length !== rows) throw replyMismatch(target, `has ${labels.length} labels in "${name}" for ${rows} rows`);
  const failures = labels.flatMap((label, row): RowFailure[] =>
    label === '' ? [{ row, reason: 'the prediction is blank', attempts: 1 }] : [],
  );
  const nothing = { bounds: new Uint32Array(0), source: new Uint8Array(0), names: null, float32: false };
  return { rows, width: 0, ...nothing, labels, failures };
}
