import { type Ledger, type Manifest, SluiceError } from '../../src/sdk.ts';
import type { SqlDialect } from './dialect.ts';
import type { LoadTarget, SqlConnection, SqlValue } from './driver.ts';
import type { SqlColumn, TableName } from './sql-column.ts';
import { SqlFault } from './sql-fault.ts';

/** What the ledger has of one run. */
export interface LedgerRow {
  readonly run: string;
  readonly state: 'open' | 'finished';
  readonly ledger: Ledger;
  readonly manifest: Manifest | null;
}

const LEDGER = 'sluice_ledger';
const LETTERS = 'sluice_dead_letters';
const OUTPUT_LENGTH = 255;
/** So many dead letters are read, and removed, by one statement. */
const LETTERS_AT_ONCE = 500;

/** A row of the ledger by its fields. Throws a SyntaxError for one that somebody else has changed. */
export function ledgerRow([run, state, ledger, manifest]: readonly (SqlValue | undefined)[]): LedgerRow {
  return {
    run: String(run),
    state: state === 'finished' ? 'finished' : 'open',
    ledger: JSON.parse(String(ledger)) as Ledger,
    manifest: manifest === null || manifest === undefined ? null : (JSON.parse(String(manifest)) as Manifest),
  };
}

/** The tables that Sluice keeps beside the tables that it writes: what was written by which run, and the rows that could not be. */
export class StateTables {
  readonly #dialect: SqlDialect;
  readonly #schema: Pick<TableName, 'catalog' | 'schema'>;
  readonly #output: string;
  #letters: readonly SqlColumn[] = [];

  /** @param output the name of the output that everything here is about. */
  constructor(dialect: SqlDialect, schema: Pick<TableName, 'catalog' | 'schema'>, output: string) {
    this.#dialect = dialect;
    this.#schema = { catalog: schema.catalog, schema: schema.schema };
    this.#output = output;
  }

  /** The names, for people. */
  get ledgerName(): string {
    return this.#name(LEDGER);
  }

  get lettersName(): string {
    return LETTERS;
  }

  /** Both of them, as they are told to a connection. */
  get tables(): { readonly ledger: TableName; readonly letters: TableName } {
    return { ledger: { ...this.#schema, name: LEDGER }, letters: { ...this.#schema, name: LETTERS } };
  }

  /** Makes the tables where they are not there. Outside a transaction: some databases end one by it. */
  async ensure(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    const { quote, keyText, longText, typeOf } = this.#dialect;
    const field = (name: string, type: string): string => `${quote(name)} ${type}`;
    const output = `${field('output', keyText(OUTPUT_LENGTH))} NOT NULL, ${field('run', keyText(64))} NOT NULL`;
    await this.#ensureOne(connection, LEDGER, signal, [
      output,
      `${field('state', keyText(16))} NOT NULL`,
      `${field('batches', typeOf('integer'))} NOT NULL`,
      `${field('ledger', longText)} NOT NULL`,
      field('manifest', longText),
      `PRIMARY KEY (${quote('output')}, ${quote('run')})`,
    ]);
    this.#letters = await this.#ensureOne(connection, LETTERS, signal, [
      output,
      `${field('number', typeOf('integer'))} NOT NULL`,
      `${field('letter', longText)} NOT NULL`,
      `PRIMARY KEY (${quote('output')}, ${quote('run')}, ${quote('number')})`,
    ]);
  }

  /** Whether there is a ledger. */
  async isThere(connection: SqlConnection, signal: AbortSignal): Promise<boolean> {
    return (await connection.describeTable({ ...this.#schema, name: LEDGER }, signal)) !== null;
  }

  /** Whether the tables are there and this user may write them; nothing is made. */
  async check(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    for (const name of [LEDGER, LETTERS]) {
      if ((await connection.describeTable({ ...this.#schema, name }, signal)) === null) continue;
      const column = this.#dialect.quote('run');
      await connection.execute(`UPDATE ${this.#name(name)} SET ${column} = ${column} WHERE 1 = 0`, [], signal);
    }
  }

  /** All runs into the output that are not removed. */
  async rows(connection: SqlConnection, signal: AbortSignal): Promise<readonly LedgerRow[]> {
    const fields = ['run', 'state', 'ledger', 'manifest'].map((name) => this.#dialect.quote(name)).join(', ');
    const rows = await connection.query(
      `SELECT ${fields} FROM ${this.#name(LEDGER)} WHERE ${this.#equals('output', 1)} ORDER BY ${this.#dialect.quote('run')}`,
      [this.#output],
      signal,
    );
    return rows.map((fields) => ledgerRow(fields));
  }

  /** The same; none where there is no ledger yet. */
  async rowsIfThere(connection: SqlConnection, signal: AbortSignal): Promise<readonly LedgerRow[]> {
    return (await this.isThere(connection, signal)) ? await this.rows(connection, signal) : [];
  }

  /**
   * Writes the ledger of a run; false when it is not as it was left: somebody else has written it.
   * @param before the batches that it had; null for a run that has none yet.
   */
  async write(
    connection: SqlConnection,
    { run, state, ledger, manifest }: LedgerRow,
    before: number | null,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { quote, parameter } = this.#dialect;
    const texts = [JSON.stringify(ledger), manifest === null ? null : JSON.stringify(manifest)];
    if (before === null) {
      const names = ['output', 'run', 'state', 'batches', 'ledger', 'manifest'];
      const places = names.map((_, index) => parameter(index + 1)).join(', ');
      const values = [this.#output, run, state, ledger.sequence, ...texts];
      await connection.execute(
        `INSERT INTO ${this.#name(LEDGER)} (${names.map((name) => quote(name)).join(', ')}) VALUES (${places})`,
        values,
        signal,
      );
      return true;
    }
    const set = ['state', 'batches', 'ledger', 'manifest']
      .map((name, index) => this.#equals(name, index + 1))
      .join(', ');
    const changed = await connection.execute(
      `UPDATE ${this.#name(LEDGER)} SET ${set} WHERE ${this.#equals('output', 5)} AND ${this.#equals('run', 6)} AND ${this.#equals('batches', 7)} AND ${quote('state')} = 'open'`,
      [state, ledger.sequence, ...texts, this.#output, run, before],
      signal,
    );
    return changed === 1;
  }

  /** The names of this output and of its parts, as far as the ledger has any. */
  outputs(connection: SqlConnection, signal: AbortSignal): Promise<readonly string[]> {
    return this.#outputsIn(LEDGER, connection, signal);
  }

  /** Those of them that have dead letters. */
  outputsWithLetters(connection: SqlConnection, signal: AbortSignal): Promise<readonly string[]> {
    return this.#outputsIn(LETTERS, connection, signal);
  }

  async #outputsIn(name: string, connection: SqlConnection, signal: AbortSignal): Promise<readonly string[]> {
    const column = this.#dialect.quote('output');
    const rows = await connection.query(
      `SELECT DISTINCT ${column} FROM ${this.#name(name)} ORDER BY ${column}`,
      [],
      signal,
    );
    return rows
      .map(([output]) => String(output))
      .filter((output) => output === this.#output || output.startsWith(`${this.#output} `));
  }

  /** The next dead letters of a run behind a number, in their order; null when there are none. */
  async letters(
    connection: SqlConnection,
    { run, after }: { readonly run: string; readonly after: number },
    signal: AbortSignal,
  ): Promise<readonly { readonly number: number; readonly line: string }[] | null> {
    const { quote } = this.#dialect;
    const own = `${this.#equals('output', 1)} AND ${this.#equals('run', 2)}`;
    const number = quote('number');
    const table = this.#name(LETTERS);
    const [first] = await connection.query(
      `SELECT MIN(${number}) FROM ${table} WHERE ${own} AND ${number} > ${after}`,
      [this.#output, run],
      signal,
    );
    if (first?.[0] === null || first?.[0] === undefined) return null;
    const from = Number(first[0]);
    const rows = await connection.query(
      `SELECT ${number}, ${quote('letter')} FROM ${table} WHERE ${own} AND ${number} >= ${from} AND ${number} < ${from + LETTERS_AT_ONCE} ORDER BY ${number}`,
      [this.#output, run],
      signal,
    );
    return rows.map(([at, line]) => ({ number: Number(at), line: String(line) }));
  }

  /** Removes dead letters whose rows are in the table now. Not more than a page of them. */
  async removeLetters(
    connection: SqlConnection,
    run: string,
    numbers: readonly number[],
    signal: AbortSignal,
  ): Promise<void> {
    if (numbers.length === 0) return;
    const own = `${this.#equals('output', 1)} AND ${this.#equals('run', 2)}`;
    const which = `${this.#dialect.quote('number')} IN (${numbers.join(', ')})`;
    await connection.execute(
      `DELETE FROM ${this.#name(LETTERS)} WHERE ${own} AND ${which}`,
      [this.#output, run],
      signal,
    );
  }

  /** Writes anew what the ledger says of a finished run. Throws OUTPUT_LOCKED when there is none any more. */
  async writeFinished(
    connection: SqlConnection,
    { run, ledger, manifest }: LedgerRow,
    signal: AbortSignal,
  ): Promise<void> {
    const set = ['ledger', 'manifest'].map((name, index) => this.#equals(name, index + 1)).join(', ');
    const changed = await connection.execute(
      `UPDATE ${this.#name(LEDGER)} SET ${set} WHERE ${this.#equals('output', 3)} AND ${this.#equals('run', 4)} AND ${this.#dialect.quote('state')} = 'finished'`,
      [JSON.stringify(ledger), JSON.stringify(manifest), this.#output, run],
      signal,
    );
    if (changed === 1) return;
    throw new SluiceError('OUTPUT_LOCKED', `another run has replaced what the run ${run} wrote; nothing was changed.`);
  }

  /** Removes what is kept of a run. */
  async remove(connection: SqlConnection, run: string, signal: AbortSignal): Promise<void> {
    for (const name of [LETTERS, LEDGER]) {
      await connection.execute(
        `DELETE FROM ${this.#name(name)} WHERE ${this.#equals('output', 1)} AND ${this.#equals('run', 2)}`,
        [this.#output, run],
        signal,
      );
    }
  }

  /** Where dead letters are loaded: fields as `letterFields` gives them. */
  get letterTarget(): LoadTarget {
    return { table: { ...this.#schema, name: LETTERS }, columns: this.#letters };
  }

  letterFields(run: string, number: number, line: string): readonly (string | number)[] {
    return [this.#output, run, number, line];
  }

  async #ensureOne(
    connection: SqlConnection,
    name: string,
    signal: AbortSignal,
    fields: readonly string[],
  ): Promise<readonly SqlColumn[]> {
    const table = { ...this.#schema, name };
    const found = await connection.describeTable(table, signal);
    if (found !== null) return found.columns;
    const failed = await connection
      .execute(`CREATE TABLE ${this.#name(name)} (${fields.join(', ')})`, [], signal)
      .then(() => null)
      .catch((error: unknown) => error);
    const made = await connection.describeTable(table, signal);
    if (made !== null) return made.columns;
    // Not even another run has made it.
    if (!(failed instanceof SqlFault)) throw failed;
    throw new SqlFault(
      failed.kind,
      `the table ${this.#name(name)} cannot be made, which Sluice keeps its ledger in: ${failed.message}`,
      {
        cause: failed,
        what: failed.what,
      },
    );
  }

  #name(name: string): string {
    return this.#dialect.tableName({ ...this.#schema, name });
  }

  #equals(column: string, parameter: number): string {
    return `${this.#dialect.quote(column)} = ${this.#dialect.parameter(parameter)}`;
  }
}
