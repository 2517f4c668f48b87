import { columnNames, type Schema } from '../../core/schema.ts';
import { KeyList } from '../messages/json/key-list.ts';
import { ObjectScanner } from '../messages/json/object-scanner.ts';
import { KnownColumns } from '../messages/known-columns.ts';

/** The columns of an intake of JSON: told by the settings, by its first object, or by the rows that are looked at first. */
export class RowColumns {
  readonly #columns: KnownColumns;
  readonly #keys: KeyList;
  readonly scanner: ObjectScanner;
  #schema: Schema | null;

  /**
   * @param names as the settings have them: other fields are left out. Null: fields of other names than `schema` has are an error.
   * @param schema null while it is not known; the rows that are scanned until `settle` tell it.
   */
  constructor(names: readonly string[] | null, schema: Schema | null) {
    this.#columns = new KnownColumns(names);
    if (names === null) this.#columns.add(schema?.columns ?? []);
    this.#schema = schema ?? (names === null ? null : this.#columns.schema);
    this.#keys = new KeyList(this.#columns);
    this.scanner = new ObjectScanner(this.#keys);
  }

  /** Null while more rows are to be looked at. */
  get schema(): Schema | null {
    return this.#schema;
  }

  get count(): number {
    return this.#columns.count;
  }

  /** Whether rows may be written: all columns are known. */
  get isSettled(): boolean {
    return this.#schema !== null;
  }

  /** A row was looked at, and was sound: what is new in it are columns. */
  learn(): void {
    if (this.#keys.hasFresh) this.#keys.keepFresh();
  }

  /** The row was not sound: it tells nothing. */
  forget(): void {
    this.#keys.dropFresh();
  }

  /** Enough rows were looked at. */
  settle(): void {
    this.#schema = this.#columns.schema;
  }

  /** What is wrong with the columns of the row that was scanned last; null when nothing is. */
  fault(): string | null {
    if (!this.#keys.hasFresh) return this.count > 0 ? null : 'it is an object without fields, and no column is known';
    const name = JSON.stringify(this.#keys.fresh[0]);
    this.#keys.dropFresh();
    return `the field ${name} is none of the columns of the rows before it (${shown(columnNames(this.#columns.schema))})`;
  }
}

function shown(names: readonly string[]): string {
  const text = names.join(', ');
  return text.length > 200 ? `${text.slice(0, 197)}...` : text;
}
