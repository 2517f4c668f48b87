import type { SqlValue } from '../../../connectors/sql/driver.ts';
import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import type { Role } from '../../jobs/queue/caller.ts';
import type { StoreSession } from '../../jobs/queue/store/store-session.ts';
import { type AccessToken, isTokenOf, newToken, ROLES, tokenHash, tokenId } from './access-token.ts';

const COLUMNS = 'id, name, owner, role, created, last_used, expires, revoked';
/** When a token was last used is written down at most so often. */
const USED_EVERY_MS = 60_000;
const MOST_LETTERS = 200;

/** What a new token is given. */
export interface TokenRequest extends Pick<AccessToken, 'name' | 'owner' | 'role'> {
  /** Milliseconds from now on; null: it does not expire. */
  readonly lastsMs: number | null;
}

/** The tokens of a server. Every request is looked up anew: one that was revoked is refused from then on, by all servers of one store. */
export class TokenStore {
  readonly #store: Pick<StoreSession, 'use' | 'dialect'>;
  readonly #clock: Pick<Clock, 'wall'>;

  /** @param store has the tables of a server already. */
  constructor(store: Pick<StoreSession, 'use' | 'dialect'>, clock: Pick<Clock, 'wall'>) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Makes a token; its text is to be had this once. Throws CONFIG_INVALID for a name or an owner that is none. */
  async create({
    name,
    owner,
    role,
    lastsMs,
  }: TokenRequest): Promise<{ readonly text: string; readonly token: AccessToken }> {
    for (const [field, value] of Object.entries({ name, owner })) assertPlain(field, value);
    const { id, text } = newToken();
    const created = this.#clock.wall();
    const expires = lastsMs === null ? null : created + lastsMs;
    const token: AccessToken = { id, name, owner, role, created, lastUsed: null, expires, revoked: null };
    const values = [id, tokenHash(text), name, owner, role, created, expires];
    const places = values.map((_, at) => this.#place(at + 1)).join(', ');
    await this.#store.use((tables) =>
      tables.executeDurably(
        `INSERT INTO sluice_tokens (id, hash, name, owner, role, created, expires) VALUES (${places})`,
        values,
      ),
    );
    return { text, token };
  }

  /** The token that a text is, if it may be used: it is known, not revoked and not expired. */
  async find(text: string): Promise<AccessToken | null> {
    const id = tokenId(text);
    if (id === null) return null;
    const now = this.#clock.wall();
    return await this.#store.use(async (tables) => {
      const [row] = await tables.query(`SELECT ${COLUMNS}, hash FROM sluice_tokens WHERE id = ${this.#place(1)}`, [id]);
      const isSame = isTokenOf(text, row === undefined ? null : String(row.at(-1)));
      if (row === undefined || !isSame) return null;
      const token = tokenOf(row);
      if (token.revoked !== null || (token.expires !== null && token.expires <= now)) return null;
      if (token.lastUsed === null || token.lastUsed <= now - USED_EVERY_MS)
        await tables.execute(`UPDATE sluice_tokens SET last_used = ${this.#place(1)} WHERE id = ${this.#place(2)}`, [
          now,
          id,
        ]);
      return token;
    });
  }

  /** Whether there is any, or ever was one: a server whose last token was revoked is not open to all. */
  async any(): Promise<boolean> {
    const rows = await this.#store.use((tables) => tables.query('SELECT 1 FROM sluice_tokens LIMIT 1'));
    return rows.length > 0;
  }

  /** All tokens, the oldest first. */
  async list(): Promise<readonly AccessToken[]> {
    const rows = await this.#store.use((tables) =>
      tables.query(`SELECT ${COLUMNS} FROM sluice_tokens ORDER BY created, id`),
    );
    return rows.map(tokenOf);
  }

  /** Revokes a token by its ID, or by itself. False: there is none that was not revoked already. */
  async revoke(idOrToken: string): Promise<boolean> {
    const id = tokenId(idOrToken) ?? idOrToken;
    const sql = `UPDATE sluice_tokens SET revoked = ${this.#place(1)} WHERE id = ${this.#place(2)} AND revoked IS NULL`;
    return (await this.#store.use((tables) => tables.executeDurably(sql, [this.#clock.wall(), id]))) > 0;
  }

  #place(index: number): string {
    return this.#store.dialect.parameter(index);
  }
}

function tokenOf(row: readonly SqlValue[]): AccessToken {
  const [id, name, owner, role, created, lastUsed, expires, revoked] = row;
  return {
    id: String(id),
    name: String(name),
    owner: String(owner),
    // What is none gives no right but to look.
    role: ROLES.find((known) => known === role) ?? ('read' satisfies Role),
    created: Number(created),
    lastUsed: timeOf(lastUsed),
    expires: timeOf(expires),
    revoked: timeOf(revoked),
  };
}

function timeOf(value: SqlValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

/** Names stand in logs, in lists and in replies: one line, that can be seen. */
function assertPlain(field: string, value: string): void {
  if (value.trim() !== '' && value.length <= MOST_LETTERS && !/[\p{C}]/u.test(value)) return;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${field} must be a text of one line, of 1 to ${MOST_LETTERS} characters that can be seen.`,
  );
}
