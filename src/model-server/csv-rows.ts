import type { ByteWriter } from '../core/byte-writer.ts';
import { decodeField } from '../core/canonical-csv.ts';
import { CsvScanner } from './csv-scanner.ts';
import { cellProblem, checkColumns, type InputRows, invalidRequest, type ReadPlan } from './input-rows.ts';

const encoder = new TextEncoder();

/**
 * Reads a CSV body (UTF-8, header line first) in one pass, straight from its bytes into the matrix: no text and no
 * object is made for a row unless its cells need it. Throws REQUEST_INVALID with the row for a malformed record.
 */
export function readCsvRows(body: Uint8Array, plan: ReadPlan): InputRows {
  const scanner = new CsvScanner(body, startsWithBom(body) ? 3 : 0);
  const columns = readHeader(body, scanner);
  checkColumns(columns, plan.encoders);
  const kept = plan.keep(columns);
  const keptAt = new Int32Array(columns.length).fill(-1);
  for (const [place, column] of kept.entries()) keptAt[column] = place;
  const encoders = columns.map((name) => plan.encoders.find(({ column }) => column === name));

  const { features } = plan;
  const failures = new Map<number, string>();
  let room = 1024;
  let matrix = new Float32Array(room * features);
  let bounds = new Uint32Array(room * 2 * kept.length);
  let row = 0;
  for (; scanner.nextRecord(); row += 1) {
    if (row === room) {
      room *= 2;
      const larger = new Float32Array(room * features);
      larger.set(matrix);
      matrix = larger;
      const more = new Uint32Array(room * 2 * kept.length);
      more.set(bounds);
      bounds = more;
    }
    scanner.row = row;
    for (let field = 0; field < columns.length; field += 1) {
      scanner.nextField();
      if (scanner.last !== (field === columns.length - 1)) throw raggedRow(scanner, field + 1, columns.length, row);
      const place = keptAt[field]!;
      if (place >= 0) {
        const at = 2 * (row * kept.length + place);
        bounds[at] = scanner.start;
        bounds[at + 1] = scanner.end;
      }
      const column = encoders[field];
      if (column === undefined) continue;
      let readable: boolean;
      if (scanner.escaped) {
        const plain = encoder.encode(decodeField(body, scanner.start, scanner.end) ?? '');
        readable = column.encode(plain, 0, plain.length, matrix, row * features);
      } else {
        const quote = scanner.quoted ? 1 : 0;
        readable = column.encode(body, scanner.start + quote, scanner.end - quote, matrix, row * features);
      }
      if (!readable && !failures.has(row)) {
        failures.set(row, cellProblem(column, decodeField(body, scanner.start, scanner.end) ?? ''));
      }
    }
  }
  if (row === 0) throw invalidRequest('The body has a header and no rows.');
  return new CsvRows(row, columns, matrix, failures, body, bounds, keptAt, kept.length);
}

class CsvRows implements InputRows {
  readonly count: number;
  readonly columns: readonly string[];
  readonly matrix: Float32Array;
  readonly failures: ReadonlyMap<number, string>;
  readonly #body: Uint8Array;
  readonly #bounds: Uint32Array;
  readonly #keptAt: Int32Array;
  readonly #kept: number;

  constructor(
    count: number,
    columns: readonly string[],
    matrix: Float32Array,
    failures: ReadonlyMap<number, string>,
    body: Uint8Array,
    bounds: Uint32Array,
    keptAt: Int32Array,
    kept: number,
  ) {
    this.count = count;
    this.columns = columns;
    this.matrix = matrix;
    this.failures = failures;
    this.#body = body;
    this.#bounds = bounds;
    this.#keptAt = keptAt;
    this.#kept = kept;
  }

  text(row: number, column: number): string | null {
    const at = 2 * (row * this.#kept + this.#keptAt[column]!);
    return decodeField(this.#body, this.#bounds[at]!, this.#bounds[at + 1]!);
  }

  json(row: number, column: number): string | null {
    return this.text(row, column);
  }

  writeCsv(row: number, column: number, out: ByteWriter): void {
    const at = 2 * (row * this.#kept + this.#keptAt[column]!);
    out.bytes(this.#body, this.#bounds[at]!, this.#bounds[at + 1]!);
  }
}

function startsWithBom(body: Uint8Array): boolean {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
}

function readHeader(body: Uint8Array, scanner: CsvScanner): readonly string[] {
  if (!scanner.nextRecord()) throw invalidRequest('The body is empty; send a header line and rows.');
  const columns: string[] = [];
  do {
    scanner.nextField();
    columns.push(decodeField(body, scanner.start, scanner.end) ?? '');
  } while (!scanner.last);
  return columns;
}

/** Reads the record to its end, to say how many fields it has. */
function raggedRow(scanner: CsvScanner, seen: number, expected: number, row: number): Error {
  let fields = seen;
  for (; !scanner.last; fields += 1) scanner.nextField();
  return invalidRequest(`it has ${fields} fields, the header ${expected}.`, row);
}
