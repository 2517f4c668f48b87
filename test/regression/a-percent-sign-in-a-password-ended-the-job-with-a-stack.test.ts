import { expect, test } from 'vitest';
import { parseHttpUrl } from '../../connectors/http/http-address.ts';
import { storeAddress } from '../../src/jobs/queue/store/store-address.ts';

test.each([
  ['50%off', '50%off'],
  ['%', '%'],
  ['p%40ss', 'p@ss'],
])('the password %s of an address is %s', (written, meant) => {
  const { authorization, name } = parseHttpUrl(`http://u:${written}@h/rows.csv`);
  expect(authorization).toBe(`Basic ${Buffer.from(`u:${meant}`).toString('base64')}`);
  expect(name).toBe('http://h/rows.csv');
  expect(storeAddress(`postgres://u:${written}@h/d`, '.').access).toMatchObject({ user: 'u', password: meant });
});
