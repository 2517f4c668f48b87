import type { ByteWriter } from '../core/byte-writer.ts';
import { encodeField } from '../core/canonical-csv.ts';
import type { Json } from '../core/json.ts';
import { cellText, encodeValue } from './column-encoder.ts';
import { cellProblem, checkColumns, type InputRows, invalidRequest, type ReadPlan } from './input-rows.ts';

export type JsonRow = Readonly<Record<string, Json>>;

/**
 * Reads a JSON body: an array of row objects. A key that some rows lack is a missing value there; the columns are all
 * keys, in the order in which they first come. Throws REQUEST_INVALID, with the row for one that is no object.
 */
export function readJsonRows(body: string, plan: ReadPlan): InputRows {
  return objectRows(parseRows(body), plan);
}

/** The same for rows that are parsed already. */
export function objectRows(rows: readonly JsonRow[], plan: ReadPlan): InputRows {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  const columns = [...names];
  checkColumns(columns, plan.encoders);
  plan.keep(columns);
  const matrix = new Float32Array(rows.length * plan.features);
  const failures = new Map<number, string>();
  for (const [i, row] of rows.entries()) {
    for (const encoder of plan.encoders) {
      const value = row[encoder.column];
      const readable = encodeValue(encoder, value, matrix, i * plan.features);
      if (!readable && !failures.has(i))
        failures.set(i, cellProblem(encoder, cellText(value) ?? JSON.stringify(value)));
    }
  }
  const cell = (row: number, column: number): Json => rows[row]![columns[column]!] ?? null;
  return {
    count: rows.length,
    columns,
    matrix,
    failures,
    text: (row, column) => textOf(cell(row, column)),
    json: cell,
    writeCsv: (row, column, out: ByteWriter) => out.text(encodeField(textOf(cell(row, column)))),
  };
}

function textOf(value: Json): string | null {
  const text = cellText(value);
  return text === undefined ? JSON.stringify(value) : text;
}

function parseRows(body: string): readonly JsonRow[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw invalidRequest('The body is not JSON.');
  }
  if (!Array.isArray(parsed)) throw invalidRequest('The body is not an array of row objects.');
  if (parsed.length === 0) throw invalidRequest('The body has no rows.');
  for (const [i, row] of parsed.entries()) {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) throw invalidRequest('it is not an object.', i);
  }
  return parsed as readonly JsonRow[];
}
