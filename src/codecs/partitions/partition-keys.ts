import { decodeField, fieldBounds } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import { partitionFolder } from './partition-path.ts';

/** More partitions than this are a mistake in nearly every case: a column of identifiers, or of times. */
const MOST_PARTITIONS = 1_000;
/** What file systems take for one name. */
const MOST_NAME_BYTES = 255;
/** What S3 takes for a key is 1,024; the names of files need some. */
const MOST_PATH_BYTES = 960;

export interface PartitionKeysOptions {
  /** The columns to divide by, in the order of the folders. */
  readonly partitionColumns: readonly string[];
  /** All columns of the rows. */
  readonly columns: readonly string[];
  /** The folder that the partitions are in, as stores count its bytes. */
  readonly prefix: string;
  /** Candidates for a name that is none, for messages. */
  readonly nearest: (name: string, columns: readonly string[]) => readonly string[];
}

/** Tells of each row which partition it belongs to, and how many there are. Throws COLUMN_UNKNOWN and OUTPUT_TYPE. */
export class PartitionKeys {
  readonly #options: PartitionKeysOptions;
  readonly #indexes: readonly number[];
  /** By the fields as they stand in the row, with commas between. */
  readonly #byFields = new Map<string, string>();
  readonly #paths = new Set<string>();

  /** @param known the partitions that rows of before are in. */
  constructor(options: PartitionKeysOptions, known: readonly string[] = []) {
    PartitionKeys.assertColumns(options);
    this.#options = options;
    this.#indexes = options.partitionColumns.map((name) => indexOf(name, options));
    for (const path of known) this.#paths.add(path);
  }

  /** Throws what the constructor would. */
  static assertColumns(options: PartitionKeysOptions): void {
    for (const name of options.partitionColumns) indexOf(name, options);
    if (!options.columns.every((name) => options.partitionColumns.includes(name))) return;
    throw new SluiceError(
      'OUTPUT_TYPE',
      `outputSettings.partitionColumns names every column of the output (${options.columns.join(', ')}): the files would have none. Leave one out.`,
    );
  }

  /** The folders that were seen, one below the other for each column, as `a=1/b=2`. */
  get paths(): ReadonlySet<string> {
    return this.#paths;
  }

  /** The numbers of the columns that stand in the files. */
  get kept(): readonly number[] {
    return this.#options.columns.flatMap((_, i) => (this.#indexes.includes(i) ? [] : [i]));
  }

  /** Looks at rows that will be divided later. */
  look({ bytes, ends }: { readonly bytes: Uint8Array; readonly ends: Uint32Array }): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const bounds = new Uint32Array(2 * (Math.max(...this.#indexes) + 1));
    for (let row = 0; row < ends.length; row += 1) {
      fieldBounds(bytes, row === 0 ? 0 : ends[row - 1]!, bounds);
      this.pathOf(buffer, bounds);
    }
  }

  /** @param bounds of the row's fields, as `fieldBounds` gives them. */
  pathOf(bytes: Buffer, bounds: Uint32Array): string {
    const fields = this.#indexes.map((i) => bytes.toString('latin1', bounds[2 * i], bounds[2 * i + 1])).join(',');
    const known = this.#byFields.get(fields);
    if (known !== undefined) return known;
    const path = this.#indexes
      .map((i, at) =>
        this.#folder(this.#options.partitionColumns[at]!, decodeField(bytes, bounds[2 * i]!, bounds[2 * i + 1]!)),
      )
      .join('/');
    this.#assertFits(path);
    this.#paths.add(path);
    this.#byFields.set(fields, path);
    return path;
  }

  #folder(column: string, value: string | null): string {
    const folder = partitionFolder(column, value);
    if (Buffer.byteLength(folder) <= MOST_NAME_BYTES) return folder;
    throw new SluiceError(
      'OUTPUT_TYPE',
      `A value of the partition column "${column}" makes a folder of ${Buffer.byteLength(folder)} bytes, and a name can have ${MOST_NAME_BYTES}: ` +
        `${JSON.stringify(value?.slice(0, 40))}… Take a column of short values for outputSettings.partitionColumns.`,
    );
  }

  #assertFits(path: string): void {
    const { partitionColumns, prefix } = this.#options;
    const names = quoted(partitionColumns);
    const bytes = Buffer.byteLength(prefix) + Buffer.byteLength(path);
    if (bytes > MOST_PATH_BYTES) {
      throw new SluiceError(
        'OUTPUT_TYPE',
        `The partition ${path.slice(0, 80)}… has a path of ${bytes} bytes, and it can have ${MOST_PATH_BYTES}. ` +
          `Take fewer columns, or columns of shorter values, than ${names} for outputSettings.partitionColumns.`,
      );
    }
    if (this.#paths.has(path) || this.#paths.size < MOST_PARTITIONS) return;
    throw new SluiceError(
      'OUTPUT_TYPE',
      `The output would have more than ${MOST_PARTITIONS} partitions: that is how many different values ${names} ` +
        `${partitionColumns.length === 1 ? 'has' : 'have'} already. Take a column of fewer values for outputSettings.partitionColumns.`,
    );
  }
}

function indexOf(name: string, { columns, nearest }: PartitionKeysOptions): number {
  const index = columns.indexOf(name);
  if (index >= 0) return index;
  const near = nearest(name, columns);
  throw new SluiceError(
    'COLUMN_UNKNOWN',
    `outputSettings.partitionColumns names "${name}", which the output does not have; ` +
      (near.length > 0
        ? `did you mean ${quoted(near)}?`
        : `it has ${quoted(columns.slice(0, 8))}${columns.length > 8 ? ` and ${columns.length - 8} more` : ''}.`) +
      ' A column of the intake is in the output if passthroughColumns names it.',
  );
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
