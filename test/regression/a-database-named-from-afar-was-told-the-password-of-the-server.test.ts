import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { sqlDriver } from '../../connectors/sql/sql-drivers.ts';
import { allowedTargets } from '../../src/server/security/allowed-targets.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What PostgreSQL says to ask for a password in the clear. */
const ASKS_FOR_PASSWORD = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
const { signal } = new AbortController();
const guard = allowedTargets(['127.0.0.1']);
const nothingMore = { connectMs: 5000, fetchSize: null, jars: [], driverClass: null, guard };

test('a PostgreSQL that a job from afar names is told nothing of the environment', async () => {
  vi.stubEnv('PGUSER', 'user-of-the-server');
  vi.stubEnv('PGPASSWORD', 'password-of-the-server');
  let heard = '';
  await using server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const isFirst = heard === '';
      heard += bytes.toString('latin1');
      if (isFirst) socket.write(ASKS_FOR_PASSWORD);
      else socket.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const jdbcUrl = `jdbc:postgresql://127.0.0.1:${(server.address() as AddressInfo).port}/db`;
  const connect = async (user: string | null, password: string | null): Promise<void> => {
    const driver = await sqlDriver({ ...nothingMore, jdbcUrl, user, password });
    await (await driver.connect(signal)).close();
  };

  await expect(connect(null, null)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(connect('', null)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  for (const password of [null, '', 'own']) {
    heard = '';
    await expect(connect('me', password)).rejects.toThrow();
    expect(heard).toContain('user\0me\0');
    expect(heard.endsWith(password === 'own' ? 'p\0\0\0\x08own\0' : 'p\0\0\0\x05\0')).toBe(true);
    expect(heard).not.toContain('of-the-server');
  }
});
