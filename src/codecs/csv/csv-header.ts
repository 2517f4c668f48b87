import { decodeRecord, fieldEnd } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import { columnNames, type Schema, sameColumns, schemaOf } from '../../core/schema.ts';

/**
 * The schema that a header record names. Throws CSV_HEADER when a name is empty or stands twice, or when the names are
 * not those of `known` (the first file's).
 * @param record canonical bytes of the header, with its LF.
 * @param most columns that there may be: more are not even looked at.
 * @param line where the header stands, for messages.
 * @returns `known` itself when the names are its names, so that all batches of a job share one schema.
 */
export function headerSchema(
  record: Uint8Array,
  split: string,
  line: number,
  known: Schema | null,
  most: number,
): Schema {
  const place = `${split} line ${line}`;
  assertColumns(record, most, place);
  const names = decodeRecord(record, 0, record.length).map((name) => name ?? '');
  const empty = names.flatMap((name, i) => (name === '' ? [i + 1] : []));
  if (empty.length > 0) {
    throw new SluiceError(
      'CSV_HEADER',
      `${place}: the header has no name for ${fieldList(empty)} of ${names.length}. Name every column in the header line.`,
    );
  }
  const places = Map.groupBy(names.keys(), (i) => names[i]!);
  for (const [name, at] of places) {
    if (at.length === 1) continue;
    throw new SluiceError(
      'CSV_HEADER',
      `${place}: the header has the name ${JSON.stringify(name)} at ${fieldList(at.map((i) => i + 1))}. ` +
        'Give every column a name of its own.',
    );
  }
  const schema = schemaOf(names);
  if (known === null) return schema;
  if (sameColumns(schema, known)) return known;
  throw new SluiceError('CSV_HEADER', `${place}: ${difference(names, columnNames(known))}`);
}

/**
 * The character that seems to separate the columns of a header which came out as a single one: the most frequent of
 * semicolon, tab, bar and comma. Null when there is none of them. For hints in messages only.
 */
export function guessDelimiter(headerLine: string): string | null {
  let best: string | null = null;
  let most = 0;
  for (const candidate of [';', '\t', '|', ',']) {
    const count = headerLine.split(candidate).length - 1;
    if (count > most) [best, most] = [candidate, count];
  }
  return best;
}

function assertColumns(record: Uint8Array, most: number, place: string): void {
  let count = 0;
  for (let at = 0; at < record.length; at = fieldEnd(record, at) + 1) {
    count += 1;
    if (count <= most) continue;
    throw new SluiceError(
      'CSV_HEADER',
      `${place}: the header has more than ${most} columns. Check that it is a header, and csvSettings.delimiter; csvSettings.maxColumns allows more.`,
    );
  }
}

function difference(found: readonly string[], wanted: readonly string[]): string {
  const at = wanted.findIndex((name, i) => name !== found[i]);
  const first = at < 0 ? wanted.length : at;
  return (
    `the header differs from that of the first file at field ${first + 1}: ` +
    `${first < found.length ? JSON.stringify(found[first]) : 'nothing'} where the first has ` +
    `${first < wanted.length ? JSON.stringify(wanted[first]) : 'nothing'}. All files of an intake need the same header.`
  );
}

function fieldList(positions: readonly number[]): string {
  const shown = positions.slice(0, 10).join(', ');
  return `${positions.length === 1 ? 'field' : 'fields'} ${shown}${positions.length > 10 ? ', ...' : ''}`;
}
