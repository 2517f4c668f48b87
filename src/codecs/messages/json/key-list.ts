import { type KnownColumns, MOST_COLUMNS } from '../known-columns.ts';

/** Names of fields without a column that are remembered: they are data, and may be any number. */
const MOST_IGNORED = 4096;

/** The name of a field as messages have it. */
export interface Key {
  /** With its quotes. */
  readonly bytes: Uint8Array;
  /** -1: the field is left out. */
  readonly column: number;
  /** The key that came behind it the last time. */
  next: Key | null;
}

/**
 * What the names of fields mean. Messages of one topic mostly have the same fields in the same order, so each key knows its
 * successor: a comparison of bytes finds most of them, without text or a map.
 */
export class KeyList {
  readonly #columns: KnownColumns;
  readonly #keys = new Map<string, Key>();
  #ignored = 0;
  /** Names of columns that the message under way has brought, not known yet. */
  #fresh: string[] = [];
  /** Stands before the first key. */
  readonly head: Key = { bytes: new Uint8Array(0), column: -1, next: null };

  constructor(columns: KnownColumns) {
    this.#columns = columns;
  }

  /** Columns, with those that the message under way brought. */
  get count(): number {
    return this.#columns.count + this.#fresh.length;
  }

  get hasFresh(): boolean {
    return this.#fresh.length > 0;
  }

  /** The names of columns that the message under way has brought. */
  get fresh(): readonly string[] {
    return this.#fresh;
  }

  /**
   * The key of the bytes, which include the quotes; null when there are too many columns.
   * @param raw the same bytes as Latin-1 text.
   */
  find(bytes: Buffer, start: number, end: number): Key | null {
    const raw = bytes.toString('latin1', start, end);
    const known = this.#keys.get(raw);
    if (known !== undefined) return known;
    const name = JSON.parse(bytes.toString('utf8', start, end)) as string;
    let column = this.#columns.indexOf(name);
    // The same name may be written with other escapes.
    if (column < 0 && this.#fresh.includes(name)) column = this.#columns.count + this.#fresh.indexOf(name);
    if (column < 0 && !this.#columns.fixed) {
      if (this.count >= MOST_COLUMNS) return null;
      column = this.count;
      this.#fresh.push(name);
    }
    const key: Key = { bytes: Uint8Array.from(bytes.subarray(start, end)), column, next: null };
    if (column < 0) this.#ignored += 1;
    if (column >= 0 || this.#ignored <= MOST_IGNORED) this.#keys.set(raw, key);
    return key;
  }

  /** The message was sound: its new columns are columns from now on. */
  keepFresh(): void {
    this.#columns.add(this.#fresh.map((name) => ({ name })));
    this.#fresh = [];
  }

  /** The message was not: it has brought nothing. */
  dropFresh(): void {
    if (this.#fresh.length === 0) return;
    this.#fresh = [];
    for (const [raw, key] of this.#keys) if (key.column >= this.#columns.count) this.#keys.delete(raw);
    this.head.next = null;
    for (const key of this.#keys.values()) key.next = null;
  }
}
