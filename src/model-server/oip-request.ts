import { type ColumnEncoder, cellText, encodeValue } from './column-encoder.ts';
import type { Deployment } from './deployment.ts';
import { cellProblem, checkColumns, type InputRows, invalidRequest } from './input-rows.ts';

/** What an inference request asks, read. */
export interface Inference {
  readonly id: string | null;
  readonly rows: InputRows;
  /** Whether the output is wanted as bytes. */
  readonly binary: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** A tensor of a request: its values in turn. */
interface Tensor {
  readonly name: string;
  readonly rows: number;
  readonly value: (row: number) => unknown;
}

/** The input that a column is. Dates and categories are text. */
export function inputTensor({ column, type }: ColumnEncoder): object {
  return { name: column, datatype: type === 'number' ? 'FP64' : 'BYTES', shape: [-1, 1] };
}

/**
 * Reads an inference request: an input for each column, in any order; inputs that are no column are passed over.
 * @param headerBytes how long the JSON is, where binary tensors follow it; null where all is JSON.
 * @throws REQUEST_INVALID (422)
 */
export function readInference(body: Buffer, headerBytes: number | null, deployment: Deployment): Inference {
  if (headerBytes !== null && !(headerBytes > 0 && headerBytes <= body.length))
    throw invalidRequest('Inference-Header-Content-Length is no length within the body.');
  const request = parsedObject(body.toString('utf8', 0, headerBytes ?? body.length));
  const { id, inputs, outputs, parameters } = request;
  if (!Array.isArray(inputs) || inputs.length === 0) throw invalidRequest('The request has no inputs.');
  let at = headerBytes ?? 0;
  const tensors = inputs.map((input) => {
    const size = fieldsOf(fieldsOf(input)['parameters'])['binary_data_size'];
    const data = typeof size === 'number' ? body.subarray(at, at + size) : null;
    if (data !== null && data.length !== size) throw invalidRequest('The body is shorter than its tensors.');
    at += data?.length ?? 0;
    return tensorOf(fieldsOf(input), data);
  });
  const wanted = Array.isArray(outputs) ? fieldsOf(fieldsOf(outputs[0])['parameters'])['binary_data'] : undefined;
  return {
    id: typeof id === 'string' ? id : null,
    rows: rowsOf(tensors, deployment),
    binary: (wanted ?? fieldsOf(parameters)['binary_data_output']) === true,
  };
}

function rowsOf(tensors: readonly Tensor[], deployment: Deployment): InputRows {
  const { encoders, file } = deployment;
  const columns = tensors.map(({ name }) => name);
  checkColumns(columns, encoders);
  const count = tensors[0]!.rows;
  const other = tensors.find(({ rows }) => rows !== count);
  if (other !== undefined)
    throw invalidRequest(`The input "${other.name}" has ${other.rows} rows, "${tensors[0]!.name}" ${count}.`);
  const features = file.features.length;
  const matrix = new Float32Array(count * features);
  const failures = new Map<number, string>();
  for (const encoder of encoders) {
    const { value } = tensors.find(({ name }) => name === encoder.column)!;
    const [feature] = encoder.features;
    for (let row = 0; row < count; row += 1) {
      const cell = value(row);
      if (typeof cell === 'number' && encoder.type === 'number' && Number.isFinite(Math.fround(cell))) {
        matrix[row * features + feature!] = cell;
      } else if (
        !encodeValue(encoder, Number.isNaN(cell) ? null : cell, matrix, row * features) &&
        !failures.has(row)
      ) {
        failures.set(row, cellProblem(encoder, cellText(cell) ?? JSON.stringify(cell)));
      }
    }
  }
  // The protocol repeats no cells of the request.
  const nothing = { text: () => null, json: () => null, writeCsv: () => undefined };
  return { count, columns, matrix, failures, ...nothing };
}

function tensorOf({ name, shape, datatype, data }: Fields, binary: Buffer | null): Tensor {
  if (typeof name !== 'string') throw invalidRequest('An input has no name.');
  const sizes: readonly unknown[] = Array.isArray(shape) ? shape : [];
  const rows = Number(sizes[0]);
  const isColumn = Number.isInteger(rows) && rows > 0 && (sizes.length === 1 || (sizes.length === 2 && sizes[1] === 1));
  if (!isColumn) throw invalidRequest(`The input "${name}" has not the shape [rows, 1] or [rows].`);
  const values = binary === null ? listed(name, data, rows) : unpackedTensor(name, datatype, binary, rows);
  return { name, rows, value: (row) => values[row] };
}

function listed(name: string, data: unknown, rows: number): readonly unknown[] {
  const flat: readonly unknown[] = Array.isArray(data) ? data.flat() : [];
  if (flat.length === rows) return flat;
  throw invalidRequest(`The input "${name}" has ${flat.length} values, its shape says ${rows}.`);
}

function unpackedTensor(name: string, datatype: unknown, data: Buffer, rows: number): ArrayLike<unknown> {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const numbers = (size: number, read: (at: number) => number | bigint): ArrayLike<unknown> => {
    if (data.length !== rows * size)
      throw invalidRequest(`The input "${name}" has ${data.length} bytes, its shape says ${rows * size}.`);
    return Array.from({ length: rows }, (_, row) => Number(read(row * size)));
  };
  if (datatype === 'FP64') return numbers(8, (at) => view.getFloat64(at, true));
  if (datatype === 'FP32') return numbers(4, (at) => view.getFloat32(at, true));
  if (datatype === 'INT64') return numbers(8, (at) => view.getBigInt64(at, true));
  if (datatype === 'INT32') return numbers(4, (at) => view.getInt32(at, true));
  if (datatype !== 'BYTES') throw invalidRequest(`The input "${name}" has a type that is not read in binary.`);
  const texts: string[] = [];
  for (let at = 0; at < data.length; ) {
    const start = at + 4;
    const end = start <= data.length ? start + data.readUInt32LE(at) : start;
    if (end > data.length) throw invalidRequest(`The input "${name}" has a text that is longer than its bytes.`);
    texts.push(data.toString('utf8', start, end));
    at = end;
  }
  if (texts.length !== rows)
    throw invalidRequest(`The input "${name}" has ${texts.length} texts, its shape says ${rows}.`);
  return texts;
}

function parsedObject(text: string): Fields {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    throw invalidRequest('The body is not JSON.');
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
