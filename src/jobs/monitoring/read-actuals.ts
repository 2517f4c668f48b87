import { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { columnNames } from '../../core/schema.ts';
import { utcTime } from '../../core/utc-time.ts';
import type { Value } from '../../core/value.ts';
import type { Actual } from '../../monitoring/actuals.ts';
import { ASSOCIATION_CHARACTERS } from '../../monitoring/associations.ts';
import { nameList, nearestNames } from '../../scoring/output/nearest-name.ts';
import type { BaselineInput } from './make-baseline.ts';

/** The columns of rows that are actuals; DataRobot's names by default. */
export interface ActualColumns {
  readonly associationId: string;
  readonly actualValue: string;
  /** Taken where it is there; a name that was given must be there. */
  readonly timestamp: string | null;
}

const DEFAULT_TIMESTAMP = 'timestamp';
const LIMITS = { rows: 10_000, bytes: 4 * 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };

/**
 * The actuals of a file, some thousands at once; rows without an ID or a value are passed over. Closes the source. Throws COLUMN_UNKNOWN, and
 * CONFIG_INVALID for a timestamp that is none.
 */
export async function* readActuals(
  { source: given, description }: BaselineInput,
  columns: ActualColumns,
  signal: AbortSignal,
): AsyncGenerator<readonly Actual[], void> {
  await using source = given;
  await source.identity(signal);
  for (const split of await source.splits(signal))
    for await (const batch of source.read(split, null, LIMITS, signal))
      if (batch.rows > 0) yield actualsOf(batch, columns, description);
}

function actualsOf(batch: RowBatch, columns: ActualColumns, description: string): readonly Actual[] {
  const names = columnNames(batch.schema);
  const id = placeOf(names, columns.associationId, description);
  const value = placeOf(names, columns.actualValue, description);
  const time =
    columns.timestamp === null ? names.indexOf(DEFAULT_TIMESTAMP) : placeOf(names, columns.timestamp, description);
  return batch.records().flatMap((record, row) => {
    const [association, actual] = [record[id] ?? null, record[value] ?? null];
    if (association === null || association === '' || actual === null) return [];
    const line = batch.origin.lines?.[row];
    const place = `${description}${line === undefined ? '' : `, line ${line}`}`;
    return [
      {
        association: String(association).slice(0, ASSOCIATION_CHARACTERS),
        value: String(actual),
        observed: time < 0 ? null : timeOf(record[time] ?? null, place),
      },
    ];
  });
}

function placeOf(names: readonly string[], wanted: string, description: string): number {
  const place = names.indexOf(wanted);
  if (place >= 0) return place;
  const near = nearestNames(wanted, names);
  const hint = near.length > 0 ? `did you mean ${nameList(near)}?` : `it has ${nameList(names)}.`;
  throw new SluiceError('COLUMN_UNKNOWN', `${description} has no column "${wanted}"; ${hint}`);
}

/** ISO 8601, without a zone by UTC; a number is milliseconds since 1970. */
function timeOf(value: Value, place: string): number | null {
  if (value === null || value === '') return null;
  const text = String(value).trim();
  const ms = /^\d{9,}$/.test(text) ? Number(text) : utcTime(text);
  if (!Number.isNaN(ms)) return ms;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${place}: "${text.slice(0, 60)}" is no time; write ISO 8601, such as 2026-11-28T12:00:00Z.`,
  );
}
