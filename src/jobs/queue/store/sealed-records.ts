import { randomBytes } from 'node:crypto';
import type { SqlValue } from '../../../../connectors/sql/driver.ts';
import type { Clock } from '../../../core/clock.ts';
import { SluiceError } from '../../../core/error.ts';
import type { Json } from '../../../core/json.ts';
import type { Seal } from './seal.ts';
import type { StoreSession } from './store-session.ts';

/** Something that belongs to somebody and has secrets in it. */
export interface SealedRecord<T extends Json> {
  /** 24 hexadecimal digits. */
  readonly id: string;
  readonly owner: string;
  /** For people; two may be alike. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly content: T;
}

const COLUMNS = 'id, owner, name, created, sealed';
/** What is no ID is not looked for: not every database takes every text. */
const ID = /^[0-9a-f]{24}$/;
/** As many as one owner may have. */
const MOST = 1000;

/** Records of one kind in the store of a server, their content sealed. */
export class SealedRecords<T extends Json> {
  readonly #kind: SealedKind;
  readonly #store: Pick<StoreSession, 'use' | 'dialect'>;
  readonly #seal: Seal | null;
  readonly #clock: Pick<Clock, 'wall'>;

  private constructor(
    kind: SealedKind,
    store: Pick<StoreSession, 'use' | 'dialect'>,
    seal: Seal | null,
    clock: Pick<Clock, 'wall'>,
  ) {
    this.#kind = kind;
    this.#store = store;
    this.#seal = seal;
    this.#clock = clock;
  }

  /** @param seal null where there is no key: then there are no such records, and none can be made. */
  static async open<T extends Json>(
    kind: SealedKind,
    store: Pick<StoreSession, 'use' | 'dialect'>,
    seal: Seal | null,
    clock: Pick<Clock, 'wall'>,
  ): Promise<SealedRecords<T>> {
    const records = new SealedRecords<T>(kind, store, seal, clock);
    if (seal !== null) await records.#sealAnew(seal);
    return records;
  }

  /** Throws CONFIG_INVALID where the server has no key, and where the owner has too many. */
  async create(owner: string, name: string, content: T): Promise<SealedRecord<T>> {
    if (this.#seal === null)
      throw new SluiceError(
        'CONFIG_INVALID',
        'This server keeps no secrets, as it has no key to seal them with. Whoever runs it can set SLUICE_KEY.',
      );
    const id = randomBytes(12).toString('hex');
    const created = this.#clock.wall();
    const values = [id, owner, name, created, this.#seal.seal(JSON.stringify(content), this.#bound(id, owner))];
    const places = values.map((_, at) => this.#place(at + 1)).join(', ');
    await this.#store.use(async (tables) => {
      const [row] = await tables.query(`SELECT count(*) FROM ${TABLES[this.#kind]} WHERE owner = ${this.#place(1)}`, [
        owner,
      ]);
      if (Number(row?.[0]) >= MOST)
        throw new SluiceError('CONFIG_INVALID', `There are ${MOST} already, which is all that one user may have.`);
      await tables.executeDurably(`INSERT INTO ${TABLES[this.#kind]} (${COLUMNS}) VALUES (${places})`, values);
    });
    return { id, owner, name, created, content };
  }

  /** Null: there is none, or it is another's. @param owner null: of everybody. Throws SEAL_BROKEN. */
  async find(id: string, owner: string | null): Promise<SealedRecord<T> | null> {
    if (!ID.test(id)) return null;
    const sql = `SELECT ${COLUMNS} FROM ${TABLES[this.#kind]} WHERE id = ${this.#place(1)}`;
    const [row] = await this.#store.use((tables) => tables.query(sql, [id]));
    return row === undefined || (owner !== null && row[1] !== owner) ? null : this.#opened(row);
  }

  /** The oldest first; those that cannot be opened are left out. @param owner null: of everybody. */
  async list(owner: string | null): Promise<readonly SealedRecord<T>[]> {
    const where = owner === null ? '' : `WHERE owner = ${this.#place(1)} `;
    const sql = `SELECT ${COLUMNS} FROM ${TABLES[this.#kind]} ${where}ORDER BY created, id`;
    const rows = await this.#store.use((tables) => tables.query(sql, owner === null ? [] : [owner]));
    return rows.flatMap((row) => {
      try {
        return [this.#opened(row)];
      } catch {
        return [];
      }
    });
  }

  /** False: there was none, or it is another's. */
  async remove(id: string, owner: string | null): Promise<boolean> {
    if (!ID.test(id)) return false;
    const values = owner === null ? [id] : [id, owner];
    const mine = owner === null ? '' : ` AND owner = ${this.#place(2)}`;
    const sql = `DELETE FROM ${TABLES[this.#kind]} WHERE id = ${this.#place(1)}${mine}`;
    return (await this.#store.use((tables) => tables.executeDurably(sql, values))) > 0;
  }

  /** What was sealed with a key of before is sealed with the new one, so that the old one can be given up. */
  async #sealAnew(seal: Seal): Promise<void> {
    const rows = await this.#store.use((tables) => tables.query(`SELECT id, owner, sealed FROM ${TABLES[this.#kind]}`));
    for (const [id, owner, sealed] of rows.map((row) => row.map(String))) {
      if (id === undefined || owner === undefined || sealed?.startsWith(seal.prefix) !== false) continue;
      const record = this.#bound(id, owner);
      let text: string;
      try {
        text = seal.open(sealed, record);
      } catch {
        // Its key is not here any more; whoever asks for it is told.
        continue;
      }
      const sql = `UPDATE ${TABLES[this.#kind]} SET sealed = ${this.#place(1)} WHERE id = ${this.#place(2)} AND sealed = ${this.#place(3)}`;
      await this.#store.use((tables) => tables.execute(sql, [seal.seal(text, record), id, sealed]));
    }
  }

  #opened([id, owner, name, created, sealed]: readonly SqlValue[]): SealedRecord<T> {
    const record = this.#bound(String(id), String(owner));
    if (this.#seal === null)
      throw new SluiceError('SEAL_BROKEN', `What is kept of ${record} cannot be opened: SLUICE_KEY is not set.`);
    return {
      id: String(id),
      owner: String(owner),
      name: String(name),
      created: Number(created),
      content: JSON.parse(this.#seal.open(String(sealed), record)) as T,
    };
  }

  /** What a record is sealed to: under another ID, or of another owner, it cannot be opened. */
  #bound(id: string, owner: string): string {
    return `${this.#kind} ${id} of ${owner}`;
  }

  #place(index: number): string {
    return this.#store.dialect.parameter(index);
  }
}

/** The kinds of records, each in a table of its own. */
const TABLES = { credential: 'sluice_credentials', dataStore: 'sluice_data_stores' } as const;

export type SealedKind = keyof typeof TABLES;
