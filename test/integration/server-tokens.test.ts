import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TokenStore } from '../../src/server/security/token-store.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { closeServerStore, serverStore } from '../support/server-store.ts';
import { needs } from '../support/services/needs.ts';
import { newPostgres, newSqlite, type TestDatabase } from '../support/sql-databases.ts';

const clock = new ManualClock();

describe.each([
  { name: 'SQLite', group: describe, make: newSqlite },
  { name: 'PostgreSQL', group: needs('postgres'), make: newPostgres },
])('tokens in $name', ({ group, make }) => {
  group('of a server', () => {
    let database: TestDatabase;
    let tokens: TokenStore;
    beforeAll(async () => {
      database = await make();
      tokens = new TokenStore(await serverStore(database), clock);
    });
    afterAll(() => closeServerStore(database));

    const make1 = (lastsMs: number | null = null) =>
      tokens.create({ name: 'nightly', owner: 'anna', role: 'run', lastsMs });

    test('a new one is found by its text, with what it was given', async () => {
      const { text, token } = await make1();
      expect(await tokens.find(text)).toEqual({ ...token, lastUsed: null });
      expect(token).toMatchObject({ name: 'nightly', owner: 'anna', role: 'run', expires: null, revoked: null });
    });

    test('nothing that is kept of it holds its text', async () => {
      const { text } = await make1();
      const rows = await database.connection.query('SELECT * FROM sluice_tokens', [], new AbortController().signal);
      const kept = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
      expect(kept).not.toContain(text);
      expect(kept).not.toContain(text.slice(-43));
      expect(JSON.stringify(await tokens.list())).not.toContain(text.slice(-43));
    });

    test('one that was revoked is refused from then on', async () => {
      const { text, token } = await make1();
      expect(await tokens.revoke(token.id)).toBe(true);
      expect(await tokens.find(text)).toBeNull();
      expect(await tokens.revoke(token.id)).toBe(false);
      expect((await tokens.list()).find(({ id }) => id === token.id)?.revoked).toBe(clock.wall());
    });

    test('can be revoked by whoever has nothing but its text', async () => {
      const { text } = await make1();
      expect(await tokens.revoke(text)).toBe(true);
      expect(await tokens.find(text)).toBeNull();
    });

    test('expires', async () => {
      const { text } = await make1(1000);
      expect(await tokens.find(text)).not.toBeNull();
      clock.advance(1000);
      expect(await tokens.find(text)).toBeNull();
    });

    test('its last use is known to the minute', async () => {
      const { text, token } = await make1();
      const lastUsed = async () => (await tokens.list()).find(({ id }) => id === token.id)?.lastUsed;
      expect(await lastUsed()).toBeNull();
      await tokens.find(text);
      const first = clock.wall();
      expect(await lastUsed()).toBe(first);
      clock.advance(59_000);
      await tokens.find(text);
      expect(await lastUsed()).toBe(first);
      clock.advance(1000);
      await tokens.find(text);
      expect(await lastUsed()).toBe(first + 60_000);
    });

    test('a text that is nearly one is none', async () => {
      const { text, token } = await make1();
      const last = text.at(-2) === 'A' ? 'B' : 'A';
      const near = [
        '',
        token.id,
        text.slice(0, -1),
        `${text}A`,
        `${text} `,
        `${text.slice(0, -2)}${last}${text.at(-1)}`,
        text.toUpperCase(),
        text.replace(token.id, '0123456789abcdef'),
        `slt_${token.id}_' OR 1=1 --`,
        `slt_' OR '1'='1_${text.slice(-43)}`,
      ];
      for (const one of near) expect(await tokens.find(one), one).toBeNull();
    });

    test.each(['', '   ', 'a\nb', 'a\rb', 'a\u0000b', 'a\u202eb', 'x'.repeat(201)])(
      'does not take %j for a name',
      async (name) => {
        await expect(tokens.create({ name, owner: 'anna', role: 'run', lastsMs: null })).rejects.toMatchObject({
          code: 'CONFIG_INVALID',
        });
      },
    );

    test('a name is not taken for SQL', async () => {
      const name = `x'); DROP TABLE sluice_tokens; --`;
      const { token } = await tokens.create({ name, owner: name, role: 'admin', lastsMs: null });
      expect((await tokens.list()).find(({ id }) => id === token.id)).toMatchObject({ name, owner: name });
    });
  });
});
