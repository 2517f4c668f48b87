import type { Column, Schema } from '../../core/schema.ts';

/** Columns that a message may make known, at the most: keys that are data would make rows wider without end. */
export const MOST_COLUMNS = 4096;

/**
 * The columns of the messages of one partition: those that the settings name, or those that were seen, in the order of their
 * appearance. They only ever grow, so messages with other orders of the same fields have one schema.
 */
export class KnownColumns {
  /** Whether the settings name them: fields of other names are left out. */
  readonly fixed: boolean;
  readonly #indexes = new Map<string, number>();
  readonly #expected: readonly string[];
  #schema: Schema;

  /**
   * @param names null when the messages tell.
   * @param expected columns that there are even when no message has shown them; they join with the first that one does.
   */
  constructor(names: readonly string[] | null, expected: readonly string[] = []) {
    this.fixed = names !== null;
    this.#expected = this.fixed ? [] : expected;
    this.#schema = { columns: (names ?? []).map((name) => ({ name })) };
    for (const [i, name] of (names ?? []).entries()) this.#indexes.set(name, i);
  }

  /** The columns so far; another object once there are more. */
  get schema(): Schema {
    return this.#schema;
  }

  get count(): number {
    return this.#schema.columns.length;
  }

  /** -1 when there is none of the name. */
  indexOf(name: string): number {
    return this.#indexes.get(name) ?? -1;
  }

  /** Appends columns of new names; behind the first ones those that are expected, so that their types are known if they can be. */
  add(columns: readonly Column[]): void {
    this.#append(columns);
    this.#append(this.#expected.filter((name) => !this.#indexes.has(name)).map((name) => ({ name })));
  }

  #append(columns: readonly Column[]): void {
    for (const { name } of columns) this.#indexes.set(name, this.#indexes.size);
    this.#schema = { columns: [...this.#schema.columns, ...columns] };
  }
}
