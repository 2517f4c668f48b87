import type { SqlValue } from '../../../connectors/sql/driver.ts';
import { findSluiceError, SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import type { JobStore } from '../queue/store/job-store.ts';
import type { StoreStatements } from '../queue/store/store-session.ts';
import type { DefinitionRecord } from './definition-record.ts';
import { makeDefinitionTables } from './definition-tables.ts';

/** Which definitions a list has, the oldest first; what is left out does not matter. */
export interface DefinitionFilter {
  readonly offset: number;
  readonly limit: number;
  readonly deploymentId?: string | undefined;
  /** A part of the name, in any case. */
  readonly searchName?: string | undefined;
  /** Only definitions of this user; null: of all. */
  readonly owner: string | null;
}

export type DefinitionChange = Partial<Omit<DefinitionRecord, 'id' | 'revision'>>;

const COLUMNS = ['revision', 'name', 'owner', 'deployment', 'created', 'next_run', 'unmade', 'data', 'body'] as const;
const DAY_MS = 86_400_000;

/**
 * The definitions of a server, in the store of its jobs. Every change is a compare-and-set on `revision`, so that several servers may work on one
 * store. Throws what `JobStore` throws.
 */
export class DefinitionStore {
  readonly #jobs: JobStore;

  private constructor(jobs: JobStore) {
    this.#jobs = jobs;
  }

  static async open(jobs: JobStore): Promise<DefinitionStore> {
    await jobs.session.makeTables(makeDefinitionTables);
    await jobs.sealAnew('sluice_definitions', sealedFor);
    return new DefinitionStore(jobs);
  }

  /** Throws CONFIG_INVALID where there is one of the same name. */
  async insert(record: DefinitionRecord): Promise<void> {
    const names = ['id', ...COLUMNS];
    const places = names.map((_, at) => this.#place(at + 1)).join(', ');
    const sql = `INSERT INTO sluice_definitions (${names.join(', ')}) VALUES (${places}) ON CONFLICT (name) DO NOTHING`;
    const rows = await this.#use((store) => store.executeDurably(sql, [record.id, ...this.#columns(record)]));
    if (rows !== 1) throw nameTaken(record.name);
  }

  async get(id: string): Promise<DefinitionRecord | null> {
    const [record] = await this.#use((store) => this.#select(store, `id = ${this.#place(1)}`, [id]));
    return record ?? null;
  }

  async list(
    filter: DefinitionFilter,
  ): Promise<{ readonly total: number; readonly records: readonly DefinitionRecord[] }> {
    const parameters: SqlValue[] = [];
    const conditions = ['1 = 1'];
    const place = (value: SqlValue): string => this.#place(parameters.push(value));
    if (filter.owner !== null) conditions.push(`owner = ${place(filter.owner)}`);
    if (filter.deploymentId !== undefined) conditions.push(`deployment = ${place(filter.deploymentId)}`);
    if (filter.searchName !== undefined) {
      const pattern = `%${filter.searchName.toLowerCase().replaceAll(/[!%_]/g, '!$&')}%`;
      conditions.push(`lower(name) LIKE ${place(pattern)} ESCAPE '!'`);
    }
    const where = conditions.join(' AND ');
    return await this.#use(async (store) => {
      const [count] = await store.query(`SELECT count(*) FROM sluice_definitions WHERE ${where}`, parameters);
      const page = `LIMIT ${Math.trunc(filter.limit)} OFFSET ${Math.trunc(filter.offset)}`;
      const records = await this.#select(store, `${where} ORDER BY created, id ${page}`, parameters);
      return { total: Number(count?.[0] ?? 0), records };
    });
  }

  /** Those whose time has come, and those whose run was begun before `unmadeBefore` by somebody who did not make its job. */
  async due(now: number, unmadeBefore: number): Promise<readonly DefinitionRecord[]> {
    const where = `next_run <= ${this.#place(1)} OR unmade < ${this.#place(2)} ORDER BY next_run, id LIMIT 1000`;
    return await this.#use((store) => this.#select(store, where, [now, unmadeBefore]));
  }

  /**
   * Changes a record if nobody has changed it since. Gives it as it is then; null: somebody has. Throws CONFIG_INVALID where another definition has
   * the new name.
   */
  async change(record: DefinitionRecord, change: DefinitionChange): Promise<DefinitionRecord | null> {
    try {
      return await this.#use((store) => this.#change(durable(store), record, change));
    } catch (error) {
      // Two at the same moment: the table lets one of them have the name.
      const { name } = change;
      if (findSluiceError(error)?.code === 'DATABASE_FAULT' && name !== undefined && name !== record.name)
        await this.#use((store) => this.#assertNameFree(store, name));
      throw error;
    }
  }

  /**
   * The same for a scheduled run, which counts among those of its day.
   * @param most of one day.
   * @param beyond the change instead when there are so many already.
   */
  async changeCounted(
    record: DefinitionRecord,
    change: DefinitionChange,
    { now, most, beyond }: { readonly now: number; readonly most: number; readonly beyond: DefinitionChange },
  ): Promise<{ readonly record: DefinitionRecord; readonly isBeyond: boolean } | null> {
    const day = Math.floor(now / DAY_MS);
    return await this.#jobs.session.transaction(async (store) => {
      const made = `INSERT INTO sluice_schedule_days (day, runs) VALUES (${this.#place(1)}, 0) ON CONFLICT (day) DO NOTHING`;
      await store.execute(made, [day]);
      await store.execute(`DELETE FROM sluice_schedule_days WHERE day < ${this.#place(1)}`, [day - 7]);
      // Holds the row until the end of the transaction: servers count one after the other.
      await store.execute(`UPDATE sluice_schedule_days SET runs = runs + 1 WHERE day = ${this.#place(1)}`, [day]);
      const [row] = await store.query(`SELECT runs FROM sluice_schedule_days WHERE day = ${this.#place(1)}`, [day]);
      const isBeyond = Number(row?.[0] ?? 0) > most;
      const changed = await this.#change(store, record, isBeyond ? beyond : change);
      // Nothing has begun: neither does it count.
      if (changed === null || isBeyond)
        await store.execute(`UPDATE sluice_schedule_days SET runs = runs - 1 WHERE day = ${this.#place(1)}`, [day]);
      return changed === null ? null : { record: changed, isBeyond };
    });
  }

  async remove(id: string): Promise<void> {
    await this.#use((store) =>
      store.executeDurably(`DELETE FROM sluice_definitions WHERE id = ${this.#place(1)}`, [id]),
    );
  }

  async #change(
    store: StoreStatements,
    record: DefinitionRecord,
    change: DefinitionChange,
  ): Promise<DefinitionRecord | null> {
    const changed: DefinitionRecord = { ...record, ...change, revision: record.revision + 1 };
    if (changed.name !== record.name) await this.#assertNameFree(store, changed.name);
    const set = COLUMNS.map((name, at) => `${name} = ${this.#place(at + 1)}`).join(', ');
    const where = `id = ${this.#place(COLUMNS.length + 1)} AND revision = ${this.#place(COLUMNS.length + 2)}`;
    const parameters = [...this.#columns(changed), record.id, record.revision];
    const rows = await store.execute(`UPDATE sluice_definitions SET ${set} WHERE ${where}`, parameters);
    return rows === 1 ? changed : null;
  }

  /** The table refuses it, too; but that would be a fault of the database and no word for people. */
  async #assertNameFree(store: StoreStatements, name: string): Promise<void> {
    const [row] = await store.query(`SELECT id FROM sluice_definitions WHERE name = ${this.#place(1)}`, [name]);
    if (row !== undefined) throw nameTaken(name);
  }

  async #select(
    store: StoreStatements,
    rest: string,
    parameters: readonly SqlValue[],
  ): Promise<readonly DefinitionRecord[]> {
    const rows = await store.query(`SELECT id, data, body FROM sluice_definitions WHERE ${rest}`, parameters);
    return rows.map(([id, data, body]) => ({
      ...(JSON.parse(String(data)) as Omit<DefinitionRecord, 'body'>),
      body: JSON.parse(this.#jobs.openText(String(body), sealedFor(String(id)))) as Json,
    }));
  }

  #columns(record: DefinitionRecord): readonly SqlValue[] {
    const { body, ...data } = record;
    const { run } = record;
    const columns: Readonly<Record<(typeof COLUMNS)[number], SqlValue>> = {
      revision: record.revision,
      name: record.name,
      owner: record.createdBy.userId,
      deployment: record.deploymentId,
      created: record.created,
      next_run: record.nextRun,
      unmade: run === null || run.isMade ? null : run.at,
      data: JSON.stringify(data),
      body: this.#jobs.sealText(JSON.stringify(body), sealedFor(record.id)),
    };
    return COLUMNS.map((name) => columns[name]);
  }

  #place(number: number): string {
    return this.#jobs.session.dialect.parameter(number);
  }

  #use<T>(work: (store: StoreStatements) => Promise<T>): Promise<T> {
    return this.#jobs.session.use(work);
  }
}

/** The same store, whose changes survive a crash of the machine. */
function durable(store: StoreStatements): StoreStatements {
  return { ...store, execute: (sql, parameters) => store.executeDurably(sql, parameters) };
}

/** What a body is sealed to. */
function sealedFor(id: string): string {
  return `definition ${id}`;
}

function nameTaken(name: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `body: name: there is a definition "${name}" already; choose another name.`);
}
