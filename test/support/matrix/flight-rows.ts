import { join } from 'node:path';
import { asyncBufferFromFile, parquetRead } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

const DATA = join(import.meta.dirname, '../../../node_modules/vega-datasets/data/flights-3m.parquet');

const FLIGHT_COLUMNS = ['flight_id', 'date', 'distance', 'origin', 'destination'] as const;

/** A flight as texts, by column. */
export type FlightRow = Readonly<Record<(typeof FLIGHT_COLUMNS)[number], string>>;

type Flight = readonly [date: Date, delay: bigint, distance: bigint, origin: string, destination: string];

/** Every hundredth flight goes to a place that the prediction server of the matrix refuses. */
const BAD = 'nowhere';

/** Real flights (US, 2001; from the npm package vega-datasets), one in a hundred of them bad. */
export async function flightRows(count: number): Promise<readonly FlightRow[]> {
  let found: readonly Flight[] = [];
  const file = await asyncBufferFromFile(DATA);
  const onComplete = (read: unknown): void => {
    found = read as readonly Flight[];
  };
  await parquetRead({ file, compressors, rowStart: 0, rowEnd: count, onComplete });
  return found.map(([date, , distance, origin, destination], i) => ({
    flight_id: `f${i}`,
    date: date.toISOString().slice(0, 16),
    distance: String(distance),
    origin,
    destination: i % 100 === 57 ? BAD : destination,
  }));
}

/** Whether the prediction server refuses a row: by what it holds. */
export function isRefused(fields: readonly string[]): boolean {
  return fields.includes(BAD);
}

/** What it predicts: by the flight's number, wherever the columns are. */
export function predictionOf(fields: readonly string[]): string {
  const id = fields.find((field) => /^f\d+$/.test(field)) ?? 'f0';
  return String(2 * Number(id.slice(1)));
}

export function csvOf(rows: readonly FlightRow[]): string {
  return [FLIGHT_COLUMNS, ...rows.map((row) => FLIGHT_COLUMNS.map((name) => row[name]))]
    .map((record) => `${record.join(',')}\n`)
    .join('');
}
