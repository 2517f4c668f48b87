import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJdbcUrl } from '../../../connectors/sql/jdbc-url.ts';

function facts(text: string): unknown {
  const { hosts, database, user, password, url, place } = parseJdbcUrl(text);
  return { hosts: hosts.map(({ host, port }) => `${host}:${port}`).join(), database, user, password, url, place };
}

describe('addresses are taken apart as their drivers do', () => {
  const nobody = { user: null, password: null };
  test.each([
    [
      'jdbc:postgresql://db.example:5433,db2/sales?user=me&password=p%40ss&sslmode=require',
      {
        hosts: 'db.example:5433,db2:5432',
        database: 'sales',
        user: 'me',
        password: 'p@ss',
        url: 'jdbc:postgresql://db.example:5433,db2/sales?sslmode=require',
        place: 'db.example:5433,db2:5432/sales',
      },
    ],
    [
      'jdbc:postgresql:sales',
      {
        ...nobody,
        hosts: 'localhost:5432',
        database: 'sales',
        url: 'jdbc:postgresql:sales',
        place: 'localhost:5432/sales',
      },
    ],
    [
      'jdbc:postgresql:/',
      { ...nobody, hosts: 'localhost:5432', database: null, url: 'jdbc:postgresql:/', place: 'localhost:5432' },
    ],
    [
      'jdbc:mysql://me:pw@h:3307/db?useSSL=false',
      {
        hosts: 'h:3307',
        database: 'db',
        user: 'me',
        password: 'pw',
        url: 'jdbc:mysql://h:3307/db?useSSL=false',
        place: 'h:3307/db',
      },
    ],
    [
      'jdbc:mysql:loadbalance://a,b:3308/db',
      {
        ...nobody,
        hosts: 'a:3306,b:3308',
        database: 'db',
        url: 'jdbc:mysql:loadbalance://a,b:3308/db',
        place: 'a:3306,b:3308/db',
      },
    ],
    [
      'jdbc:mariadb://[::1]:3306/db',
      { ...nobody, hosts: '::1:3306', database: 'db', url: 'jdbc:mariadb://[::1]:3306/db', place: '::1:3306/db' },
    ],
    [
      'jdbc:sqlserver://h\\inst;databaseName=x;user=sa;password={a;b}',
      {
        hosts: 'h\\inst:null',
        database: 'x',
        user: 'sa',
        password: 'a;b',
        url: 'jdbc:sqlserver://h\\inst;databaseName=x',
        place: 'h\\inst/x',
      },
    ],
    [
      'jdbc:sqlserver://h:1434;databaseName=x;encrypt=true',
      {
        ...nobody,
        hosts: 'h:1434',
        database: 'x',
        url: 'jdbc:sqlserver://h:1434;databaseName=x;encrypt=true',
        place: 'h:1434/x',
      },
    ],
    [
      'jdbc:oracle:thin:scott/tiger@//h:1521/svc',
      {
        hosts: 'h:1521',
        database: 'svc',
        user: 'scott',
        password: 'tiger',
        url: 'jdbc:oracle:thin:@//h:1521/svc',
        place: 'h:1521/svc',
      },
    ],
    [
      'jdbc:oracle:thin:@h:1521:sid',
      { ...nobody, hosts: 'h:1521', database: 'sid', url: 'jdbc:oracle:thin:@h:1521:sid', place: 'h:1521/sid' },
    ],
    ['jdbc:oracle:thin:@tns', { ...nobody, hosts: '', database: 'tns', url: 'jdbc:oracle:thin:@tns', place: 'tns' }],
    [
      'jdbc:snowflake://acc.snowflakecomputing.com/?db=D&warehouse=W&user=u',
      {
        hosts: 'acc.snowflakecomputing.com:443',
        database: null,
        user: 'u',
        password: null,
        url: 'jdbc:snowflake://acc.snowflakecomputing.com/?db=D&warehouse=W',
        place: 'acc.snowflakecomputing.com:443',
      },
    ],
    [
      'jdbc:h2:tcp://h:9092/~/x;USER=sa;PASSWORD=1',
      {
        hosts: 'h:9092',
        database: '~/x',
        user: 'sa',
        password: '1',
        url: 'jdbc:h2:tcp://h:9092/~/x',
        place: 'h:9092/~/x',
      },
    ],
    [
      'jdbc:h2:mem:x;DB_CLOSE_DELAY=-1',
      { ...nobody, hosts: '', database: 'mem:x', url: 'jdbc:h2:mem:x;DB_CLOSE_DELAY=-1', place: 'mem:x' },
    ],
    [
      'jdbc:sqlite:/a/b.db?journal_mode=wal',
      { ...nobody, hosts: '', database: '/a/b.db', url: 'jdbc:sqlite:/a/b.db?journal_mode=wal', place: '/a/b.db' },
    ],
    [
      'jdbc:derby://h:1527/x;create=true;user=a',
      {
        hosts: 'h:1527',
        database: 'x',
        user: 'a',
        password: null,
        url: 'jdbc:derby://h:1527/x;create=true',
        place: 'h:1527/x',
      },
    ],
    [
      'jdbc:trino://u:p@h:8080/cat/sch',
      {
        hosts: 'h:8080',
        database: 'cat/sch',
        user: 'u',
        password: 'p',
        url: 'jdbc:trino://h:8080/cat/sch',
        place: 'h:8080/cat/sch',
      },
    ],
  ])('%s', (text, wanted) => {
    expect(facts(text)).toEqual(wanted);
  });
});

const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/);

test('what a PostgreSQL address was written of comes back, whatever its user and password hold', () => {
  const host = fc.record({ host: word, port: fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: null }) });
  const given = fc.record({
    hosts: fc.array(host, { minLength: 1, maxLength: 3 }),
    database: word,
    user: fc.string({ minLength: 1 }),
    password: fc.string({ minLength: 1 }),
    inSettings: fc.boolean(),
  });
  fc.assert(
    fc.property(given, ({ hosts, database, user, password, inSettings }) => {
      const [name, secret] = [user, password].map(encodeURIComponent);
      const address = hosts.map((one) => (one.port === null ? one.host : `${one.host}:${one.port}`)).join(',');
      const text = inSettings
        ? `jdbc:postgresql://${address}/${database}?user=${name}&password=${secret}`
        : `jdbc:postgresql://${name}:${secret}@${address}/${database}`;
      const found = parseJdbcUrl(text);
      expect(found).toMatchObject({ database, user, password, url: `jdbc:postgresql://${address}/${database}` });
      expect(found.hosts).toEqual(hosts.map((one) => ({ host: one.host, port: one.port ?? 5432 })));
    }),
  );
});

test.each([
  'jdbc:mysql://u:hunter@2:x@h:1/d',
  'jdbc:postgresql://u:hunter@2:x@h:1/d',
  'jdbc:trino://u:hunter@2:x@h:1/d',
  'jdbc:oracle:thin:u/hunter@2:x@//h:1/d',
])('a password with an @ that is not encoded stays a password: %s', (text) => {
  expect(parseJdbcUrl(text)).toMatchObject({ user: 'u', password: 'hunter@2:x', place: 'h:1/d' });
  expect(parseJdbcUrl(text).url).not.toContain('2:x');
});

test('no text makes it fail otherwise than by CONFIG_INVALID, and no message shows a password', () => {
  const product = fc.constantFrom('postgresql', 'mysql', 'sqlserver', 'oracle', 'h2', 'sqlite', 'snowflake', 'other');
  fc.assert(
    fc.property(product, fc.string(), (name, rest) => {
      try {
        parseJdbcUrl(`jdbc:${name}:${rest};password=hunter2-${rest}`);
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
        expect((error as Error).message).not.toContain('hunter2');
      }
    }),
  );
  expect(parseJdbcUrl('jdbc:other:thin:me/hunter2@h:1/x').place).toBe('h:1/x');
  for (const text of ['', 'postgresql://h/d', 'jdbc:', 'jdbc:postgresql', 'jdbc:mysql:db'])
    expect(() => parseJdbcUrl(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});
