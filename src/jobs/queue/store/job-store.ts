import type { SqlValue } from '../../../../connectors/sql/driver.ts';
import { SluiceError } from '../../../core/error.ts';
import type { Json } from '../../../core/json.ts';
import { hasEnded, type JobRecord, type JobStatus, type QueueEntry } from '../job-record.ts';
import { conditionOf, type JobFilter, orderOf } from './job-filter.ts';
import { makeJobTables, OPEN } from './job-tables.ts';
import { openText, type Seal } from './seal.ts';
import type { StoreAddress } from './store-address.ts';
import { StoreSession, type StoreStatements } from './store-session.ts';

/** One page of a list. */
export interface JobPage {
  readonly total: number;
  readonly records: readonly JobRecord[];
}

/** A change of a record; null leaves it as it is. May be asked again with a newer record, so it decides by the record alone. */
export type JobChange = (record: JobRecord) => Partial<Omit<JobRecord, 'id' | 'revision'>> | null;

const COLUMNS = [
  'revision',
  'status',
  'created',
  'hidden',
  'owner',
  'source',
  'deployment',
  'model',
  'server',
  'intake_type',
  'output_type',
  'definition',
  'priority',
  'queued_at',
  'started_at',
  'ended_at',
  'upload',
  'runner',
  'beat',
  'results_deleted',
  'batch',
  'data',
] as const;

/**
 * The jobs of a server, in SQLite or PostgreSQL by the same statements. Every change is a compare-and-set on `revision`, so that several
 * servers may work on one store. All methods throw DATABASE_UNREACHABLE (retryable) when the database is away.
 */
export class JobStore implements AsyncDisposable {
  readonly #session: StoreSession;
  readonly #seal: Seal | null;

  private constructor(session: StoreSession, seal: Seal | null) {
    this.#session = session;
    this.#seal = seal;
  }

  /** Connects, and makes the tables. Throws CONFIG_INVALID when a store that only one process may use is in use. */
  static async open(address: StoreAddress, seal: Seal | null): Promise<JobStore> {
    const session = await StoreSession.open(address);
    try {
      if (address.isOwn && !(await session.tryLock('sluice serve')))
        throw new SluiceError(
          'CONFIG_INVALID',
          'Another sluice serve works on this state folder. Stop it, choose another stateFolder, or let both share a PostgreSQL database (server.store).',
        );
      await makeJobTables(session);
      const store = new JobStore(session, seal);
      await store.sealAnew('sluice_jobs', (id) => sealedFor({ id }));
      return store;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** For parts with tables of their own (definitions, tokens). */
  get session(): StoreSession {
    return this.#session;
  }

  /** A text of another record of the server, as it is kept at rest. @param record what it belongs to: its kind and its ID. */
  sealText(text: string, record: string): string {
    return this.#seal === null ? text : this.#seal.seal(text, record);
  }

  /** Throws SEAL_BROKEN. */
  openText(text: string, record: string): string {
    return openText(text, record, this.#seal);
  }

  async insert(record: JobRecord): Promise<void> {
    const names = ['id', ...COLUMNS, 'body'];
    const places = names.map((_, at) => this.#session.dialect.parameter(at + 1));
    const values = [record.id, ...columnsOf(record), this.#sealed(record)];
    const sql = `INSERT INTO sluice_jobs (${names.join(', ')}) VALUES (${places.join(', ')})`;
    await this.#session.use((store) => store.executeDurably(sql, values));
  }

  async get(id: string): Promise<JobRecord | null> {
    return await this.#session.use((store) => this.#find(store, id));
  }

  /** Changes a record, however often it takes. Gives it as it is then, whether changed or not; null when there is none. */
  async update(id: string, change: JobChange): Promise<JobRecord | null> {
    return await this.#session.use((store) => this.#change(store, id, change));
  }

  async list(filter: JobFilter): Promise<JobPage> {
    const { where, parameters } = conditionOf(filter, this.#session.dialect);
    return await this.#session.use(async (store) => {
      const [count] = await store.query(`SELECT count(*) FROM sluice_jobs WHERE ${where}`, parameters);
      const page = `LIMIT ${Math.trunc(filter.limit)} OFFSET ${Math.trunc(filter.offset)}`;
      const records = await this.#select(store, `${where} ORDER BY ${orderOf(filter)} ${page}`, parameters);
      return { total: Number(count?.[0] ?? 0), records };
    });
  }

  /** Jobs that wait for their turn, are being worked on, or were given up by whoever did, in the order of their turns. */
  async inQueue(): Promise<readonly QueueEntry[]> {
    return await this.#session.use((store) => this.#queue(store));
  }

  /** Decides about the queue while nobody else does. */
  async inTurn<T>(work: (queue: readonly QueueEntry[], update: JobStore['update']) => Promise<T>): Promise<T> {
    return await this.#session.transaction(async (store) => {
      await store.execute('UPDATE sluice_queue SET turns = turns + 1 WHERE id = 1');
      return await work(await this.#queue(store), (id, change) => this.#change(store, id, change));
    });
  }

  /** Jobs whose upload has not begun, or not ended, made before `before`. */
  async uploadsBefore(before: number): Promise<readonly JobRecord[]> {
    const { dialect } = this.#session;
    const where = `status = 'INITIALIZING' AND upload IN ('waiting', 'open') AND created < ${dialect.parameter(1)}`;
    return await this.#session.use((store) => this.#select(store, where, [before]));
  }

  /** Jobs that ended before `before` and still have something of theirs. */
  async endedBefore(before: number): Promise<readonly JobRecord[]> {
    const { dialect } = this.#session;
    const where = `ended_at < ${dialect.parameter(1)} AND results_deleted = 0 AND runner IS NULL`;
    return await this.#session.use((store) => this.#select(store, `${where} ORDER BY ended_at LIMIT 1000`, [before]));
  }

  /** How many jobs of a user have not ended. */
  async unfinished(userId: string): Promise<number> {
    const isHis = `owner = ${this.#session.dialect.parameter(1)} AND ended_at IS NULL`;
    const sql = `SELECT count(*) FROM sluice_jobs WHERE ${OPEN} AND ${isHis}`;
    const [row] = await this.#session.use((store) => store.query(sql, [userId]));
    return Number(row?.[0] ?? 0);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Without bodies and logs: it is looked at often, and may be long. */
  async #queue(store: StoreStatements): Promise<readonly QueueEntry[]> {
    const where = `${OPEN} AND (runner IS NOT NULL OR status = 'RUNNING' OR (status = 'INITIALIZING' AND queued_at IS NOT NULL))`;
    // Who was begun already goes on first: its server has worked for it.
    const order = 'CASE WHEN started_at IS NULL THEN 1 ELSE 0 END, priority DESC, queued_at, created, id';
    const rows = await store.query(
      `SELECT id, status, server, queued_at, runner, beat FROM sluice_jobs WHERE ${where} ORDER BY ${order}`,
    );
    return rows.map(([id, status, server, queuedAt, runner, beat]) => ({
      id: String(id),
      status: String(status) as JobStatus,
      server: String(server),
      queuedAt: queuedAt === null || queuedAt === undefined ? null : Number(queuedAt),
      claim: runner === null ? null : { runner: String(runner), beat: Number(beat) },
    }));
  }

  async #find(store: StoreStatements, id: string): Promise<JobRecord | null> {
    const [record] = await this.#select(store, `id = ${this.#session.dialect.parameter(1)}`, [id]);
    return record ?? null;
  }

  async #select(store: StoreStatements, rest: string, parameters: readonly SqlValue[]): Promise<readonly JobRecord[]> {
    const rows = await store.query(`SELECT data, body FROM sluice_jobs WHERE ${rest}`, parameters);
    return rows.map(([data, body]) => {
      const record = { ...ADDED, ...(JSON.parse(String(data)) as Omit<JobRecord, 'body' | keyof typeof ADDED>) };
      return { ...record, body: JSON.parse(this.openText(String(body), sealedFor(record))) as Json };
    });
  }

  #sealed({ body, id }: Pick<JobRecord, 'body' | 'id'>): string {
    return this.sealText(JSON.stringify(body), sealedFor({ id }));
  }

  /**
   * Seals the bodies of a table with the key of today where they are not. Throws SEAL_BROKEN where a key is missing: better now than in the
   * middle of the night.
   * @param boundTo what the body of a record is sealed to, by its ID.
   */
  async sealAnew(table: 'sluice_jobs' | 'sluice_definitions', boundTo: (id: string) => string): Promise<void> {
    const { dialect } = this.#session;
    const prefix = this.#seal?.prefix ?? 'sealed:';
    const isOther = `substr(body, 1, ${prefix.length}) ${this.#seal === null ? '=' : '<>'} ${dialect.parameter(1)}`;
    const [kept, id, body] = [1, 2, 3].map((place) => dialect.parameter(place));
    const change = `UPDATE ${table} SET body = ${kept} WHERE id = ${id} AND body = ${body}`;
    for (;;) {
      const rows = await this.#session.use((store) =>
        store.query(`SELECT id, body FROM ${table} WHERE ${isOther} LIMIT ${SEALED_AT_ONCE}`, [prefix]),
      );
      for (const [id, body] of rows.map((row) => row.map(String)) as [string, string][]) {
        const text = this.sealText(this.openText(body, boundTo(id)), boundTo(id));
        await this.#session.use((store) => store.execute(change, [text, id, body]));
      }
      if (rows.length < SEALED_AT_ONCE) return;
    }
  }

  async #change(store: StoreStatements, id: string, change: JobChange): Promise<JobRecord | null> {
    const { dialect } = this.#session;
    for (;;) {
      const found = await this.#find(store, id);
      if (found === null) return null;
      const fields = change(found);
      if (fields === null) return found;
      const record: JobRecord = { ...found, ...fields, revision: found.revision + 1 };
      const set = COLUMNS.map((name, at) => `${name} = ${dialect.parameter(at + 1)}`).join(', ');
      const where = `id = ${dialect.parameter(COLUMNS.length + 1)} AND revision = ${dialect.parameter(COLUMNS.length + 2)}`;
      const sql = `UPDATE sluice_jobs SET ${set} WHERE ${where}`;
      // What a client is told to be so must be so after a crash of the machine; the rest would only be done again.
      const isFinal = hasEnded(record) && !hasEnded(found);
      const isWhole = record.upload === 'ended' && found.upload !== 'ended';
      const values = [...columnsOf(record), id, found.revision];
      const changed = isFinal || isWhole ? store.executeDurably(sql, values) : store.execute(sql, values);
      if ((await changed) === 1) return record;
    }
  }
}

/** What records of an earlier version lack. */
const ADDED: Pick<JobRecord, 'monitoringBatchId'> = { monitoringBatchId: null };

/** Of bodies that are sealed with another key. */
const SEALED_AT_ONCE = 500;

/** What a body is sealed to. */
function sealedFor({ id }: Pick<JobRecord, 'id'>): string {
  return `job ${id}`;
}

function columnsOf(record: JobRecord): readonly SqlValue[] {
  const { body: _, ...data } = record;
  const columns: Readonly<Record<(typeof COLUMNS)[number], SqlValue>> = {
    revision: record.revision,
    status: record.status,
    created: record.created,
    hidden: record.hidden,
    owner: record.owner.userId,
    source: record.source,
    deployment: record.deploymentId,
    model: record.model?.id ?? null,
    server: record.server,
    intake_type: record.intakeType,
    output_type: record.outputType,
    definition: record.definition?.id ?? null,
    priority: record.priority,
    queued_at: record.queuedAt,
    started_at: record.startedAt,
    ended_at: hasEnded(record) ? (record.endedAt ?? record.created) : null,
    upload: record.upload,
    runner: record.claim?.runner ?? null,
    beat: record.claim?.beat ?? null,
    results_deleted: record.resultsDeleted ? 1 : 0,
    batch: record.monitoringBatchId,
    data: JSON.stringify(data),
  };
  return COLUMNS.map((name) => columns[name]);
}
