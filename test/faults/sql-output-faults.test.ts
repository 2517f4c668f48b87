import { expect, test } from 'vitest';
import type { SqlOutput } from '../../connectors/sql/sql-output.ts';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { findSluiceError } from '../../src/core/error.ts';
import type { ErrorCode } from '../../src/core/error-table.ts';
import type { Manifest } from '../../src/core/ledger.ts';
import { type Schema, schemaOf } from '../../src/core/schema.ts';
import { EMPTY_TALLY, type ScoredBatch } from '../../src/core/scored-batch.ts';
import type { Value } from '../../src/core/value.ts';
import { sqlSink } from '../acceptance/sql-output.ts';
import { needs } from '../support/services/needs.ts';
import { PostgresProxy, type StatementFault } from '../support/services/postgres-proxy.ts';
import { newH2, newMariaDb, newPostgres, type TestDatabase } from '../support/sql-databases.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { heldOpen, testedDatabases } from '../support/tested-databases.ts';

const signal = new AbortController().signal;
const job = { intake: 'a test' };
const table = { catalog: null, schema: null, name: 'scored' };
const schema: Schema = schemaOf(['id', 'score', 'note']);

type Row = readonly [Value, Value, Value];

/** Batches of these rows, some in each. */
function batchesOf(rows: readonly Row[], columns: Schema = schema, size = 4): ScoredBatch[] {
  const batches: ScoredBatch[] = [];
  for (let from = 0; from < rows.length; from += size) {
    const some = rows.slice(from, from + size);
    batches.push({
      sequence: batches.length,
      through: { split: 'rows', after: from + some.length },
      intake: columns,
      output: { schema: columns, ...encodeRecords(some) },
      tally: { ...EMPTY_TALLY, read: some.length, scored: some.length },
      deadLetters: [],
      intakeBytes: 10,
      badBytes: 0,
      model: null,
    });
  }
  return batches;
}

function someRows(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => [i, i / 4, `note ${i}`]);
}

/** Writes rows with a commit after every third batch. */
async function write(
  access: TestDatabase['access'],
  rows: readonly Row[],
  output: Partial<SqlOutput> = {},
  columns: Schema = schema,
): Promise<Manifest> {
  const batches = batchesOf(rows, columns);
  await using sink = sqlSink(access, { table, chunkBytes: 60, ...output });
  const ledger = await sink.open(job, signal);
  for (const batch of batches.slice(ledger?.sequence ?? 0)) {
    await sink.write(batch, columns, signal);
    if (batch.sequence % 3 === 2) await sink.commit(signal);
  }
  const read = rows.length;
  const tally = { read, scored: read, failed: 0, skipped: 0 };
  return await sink.publish({ version: 1, job, tally, model: null, intakeBytes: 0, finished: 'now' }, columns, signal);
}

async function idsIn({ connection }: TestDatabase): Promise<number[]> {
  const rows = await connection.query('SELECT id FROM scored ORDER BY id', [], signal);
  return rows.map(([id]) => Number(id));
}

async function lettersIn({ connection }: TestDatabase): Promise<{ readonly reason: string; readonly bytes: string }[]> {
  const rows = await connection.query('SELECT letter FROM sluice_dead_letters ORDER BY number', [], signal);
  return rows.map(([letter]) => JSON.parse(String(letter)) as { reason: string; bytes: string });
}

/** The error of the product that something fails with. */
async function failure(work: Promise<unknown>): Promise<{ readonly code: ErrorCode; readonly message: string }> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  const known = findSluiceError(error);
  if (known === undefined) throw new Error('it did not fail by an error of the product', { cause: error });
  return known;
}

const all = Array.from({ length: 40 }, (_, i) => i);
const modes = [
  ['at once', true],
  ['by and by', false],
] as const;

needs('postgres').each(modes)('PostgreSQL, rows %s, when the connection breaks', (_name, atOnce) => {
  // Each statement of a whole run, in turn: what it is about comes out of the run that nothing disturbs.
  for (const fault of ['cut', 'lost reply'] as const) {
    test(`${fault} at any statement: each row is in the table once`, { timeout: 240_000 }, async () => {
      await using plain = await newPostgres();
      const statements = await through(plain, { atOnce }, () => null);
      expect(await idsIn(plain)).toEqual(all);
      const some = statements.map((_, index) => index).filter((index) => index > 12 && index % 5 === (atOnce ? 0 : 1));
      for (const place of some) {
        await using database = await newPostgres();
        let seen = -1;
        await through(database, { atOnce }, () => {
          seen += 1;
          return seen === place ? fault : null;
        });
        expect(await idsIn(database), `${fault} at ${statements[place]}`).toEqual(all);
      }
    });
  }

  test('a commit whose answer is lost is not done again', async () => {
    await using database = await newPostgres();
    let commits = 0;
    const statements = await through(database, { atOnce }, (sql) => {
      if (sql !== 'COMMIT') return null;
      commits += 1;
      return commits === 2 ? 'lost reply' : null;
    });
    expect(await idsIn(database)).toEqual(all);
    // Without the loss there are as many.
    await using other = await newPostgres();
    const undisturbed = await through(other, { atOnce }, () => null);
    expect(statements.filter((sql) => sql === 'COMMIT')).toEqual(undisturbed.filter((sql) => sql === 'COMMIT'));
  });
});

async function through(
  database: TestDatabase,
  output: Partial<SqlOutput>,
  fault: (sql: string) => StatementFault | null,
): Promise<readonly string[]> {
  const target = new URL(database.access.jdbcUrl.replace('jdbc:', ''));
  await using proxy = await PostgresProxy.start({ host: target.hostname, port: Number(target.port) });
  proxy.fault = fault;
  const jdbcUrl = database.access.jdbcUrl.replace(target.host, `127.0.0.1:${proxy.port}`);
  const manifest = await write({ ...database.access, jdbcUrl }, someRows(40), output);
  expect(manifest.objects[0]?.records).toBe(40);
  return proxy.seen;
}

for (const { name, group, make } of testedDatabases) {
  const short = name === 'SQLite' ? 'TEXT CHECK (length(note) <= 10)' : 'varchar(10)';
  group.each(modes)(`${name}, rows %s`, (_name, atOnce) => {
    if (name === 'H2 by JDBC') heldOpen(make);

    test('rows that violate a constraint become dead letters, and the rest goes on', async () => {
      await using database = await make();
      await database.connection.execute(
        `CREATE TABLE scored (id bigint PRIMARY KEY, score double precision CHECK (score < 8), note ${short} NOT NULL)`,
        [],
        signal,
      );
      await database.connection.execute("INSERT INTO scored VALUES (7, 0, 'there')", [], signal);
      const rows = someRows(40).map(([id, score, note]): Row => {
        if (id === 11) return [id, score, null];
        if (id === 12) return [id, score, 'much too long for it'];
        if (id === 13) return [id, 9, note];
        return [id, score, note];
      });
      const manifest = await write(database.access, rows, { atOnce });
      expect(await idsIn(database)).toEqual(
        all.filter((id) => ![11, 12, 13, 32, 33, 34, 35, 36, 37, 38, 39].includes(id)),
      );
      const letters = await lettersIn(database);
      expect(letters.map(({ bytes }) => Number(bytes.split(',')[0])).toSorted((a, b) => a - b)).toEqual([
        7, 11, 12, 13, 32, 33, 34, 35, 36, 37, 38, 39,
      ]);
      expect(letters.every(({ reason }) => reason.includes('refused'))).toBe(true);
      expect(manifest.tally).toEqual({ read: 40, scored: 28, failed: 12, skipped: 0 });
      expect(manifest.objects.map(({ role, records }) => [role, records])).toEqual([
        ['rows', 28],
        ['deadLetters', 12],
      ]);
    });

    test('too many refused rows end the job, and say why', async () => {
      await using database = await make();
      await database.connection.execute(
        'CREATE TABLE scored (id bigint, score double precision, note text CHECK (id < 3))',
        [],
        signal,
      );
      const failures = { abortOnError: true, maxShare: 0.2, minRows: 10 };
      const { code, message } = await failure(write(database.access, someRows(40), { atOnce, failures }));
      expect(code).toBe('TOO_MANY_FAILURES');
      expect(message).toMatch(/scored.*refused/);
    });

    test('a table without the column is refused with the columns that it has', async () => {
      await using database = await make();
      await database.connection.execute('CREATE TABLE scored (id bigint, score double precision)', [], signal);
      const { code, message } = await failure(write(database.access, someRows(4), { atOnce }));
      expect(code).toBe('DATABASE_MISSING');
      expect(message).toMatch(/no column "note".*id, score.*columnNamesRemapping/is);
    });

    test('a missing table is refused, unless it may be made; one that is there is not made', async () => {
      await using database = await make();
      const missing = await failure(write(database.access, someRows(4), { atOnce, create: 'never' }));
      expect(missing.code).toBe('DATABASE_MISSING');
      expect(missing.message).toMatch(/createTableIfNotExists/);
      await write(database.access, someRows(4), { atOnce, create: 'must' });
      expect(await idsIn(database)).toEqual([0, 1, 2, 3]);
      const there = await failure(
        sqlSink(database.access, { table, atOnce, create: 'must' }).open({ intake: 'another' }, signal),
      );
      expect(there.code).toBe('OUTPUT_EXISTS');
    });

    test('update sets rows that are there, insert_update adds the others, the last of a key wins', async () => {
      await using database = await make();
      await database.connection.execute(
        'CREATE TABLE scored (id bigint, score double precision, note text)',
        [],
        signal,
      );
      await database.connection.execute(
        "INSERT INTO scored VALUES (1, -1, 'old'), (2, -1, 'old'), (50, -1, 'old')",
        [],
        signal,
      );
      const rows: Row[] = [
        [1, 1, 'a'],
        [2, 2, 'b'],
        [2, 3, 'c'],
        [3, 4, 'd'],
        [null, 5, 'e'],
        [null, 6, 'f'],
      ];
      const whereColumns = ['id'];
      await write(database.access, rows, { atOnce, statement: 'update', whereColumns, updateColumns: ['score'] });
      const look = () => database.connection.query('SELECT id, score, note FROM scored ORDER BY score, id', [], signal);
      expect(await look()).toEqual([
        [50, -1, 'old'],
        [1, 1, 'old'],
        [2, 3, 'old'],
      ]);
      await write(database.access, rows, { atOnce, statement: 'insert_update', whereColumns, overwrite: true });
      expect(await look()).toEqual([
        [50, -1, 'old'],
        [1, 1, 'a'],
        [2, 3, 'c'],
        [3, 4, 'd'],
        [null, 5, 'e'],
        [null, 6, 'f'],
      ]);
    });

    test('keys of two columns, names of any kind, and columns that the job does not write', async () => {
      await using database = await make();
      const { connection, driver, access } = database;
      const { quote, tableName, typeOf, keyText } = driver.dialect;
      const odd = { ...table, name: 'Order "by" `1`' };
      const [group, twice, select] = ['group', 'Twice the Number', 'select'].map(quote);
      const stored = name === 'H2 by JDBC' ? '' : ' STORED';
      // Of the key one column is filled by the database: it is looked at, and not written.
      await connection.execute(
        `CREATE TABLE ${tableName(odd)} (${group} ${keyText(20)} NOT NULL, n ${typeOf('integer')} NOT NULL, ` +
          `${twice} ${typeOf('integer')} GENERATED ALWAYS AS (n * 2)${stored}, ${select} ${typeOf('number')}, kept ${keyText(20)} DEFAULT 'kept')`,
        [],
        signal,
      );
      await connection.execute(
        `INSERT INTO ${tableName(odd)} (${group}, n, ${select}) VALUES ('a', 1, 0), ('a', 2, 0), ('b', 1, 0)`,
        [],
        signal,
      );
      const rows: Row[] = [
        ['a', 2, 15],
        ['a', 4, 25],
        ['b', 4, 35],
        ['c', 2, 45],
      ];
      const update = { table: odd, atOnce, updateColumns: ['select'] };
      const byTwice = { ...update, statement: 'update', whereColumns: ['group', 'Twice the Number'] } as const;
      await write(access, rows, byTwice, schemaOf(['group', 'Twice the Number', 'select']));
      const look = () =>
        connection.query(
          `SELECT ${group}, n, ${twice}, ${select}, kept FROM ${tableName(odd)} ORDER BY ${group}, n`,
          [],
          signal,
        );
      expect(await look()).toEqual([
        ['a', 1, 2, 15, 'kept'],
        ['a', 2, 4, 25, 'kept'],
        ['b', 1, 2, 0, 'kept'],
      ]);
      const byN = { ...update, statement: 'insert_update', whereColumns: ['group', 'n'], overwrite: true } as const;
      await write(access, rows, byN, schemaOf(['group', 'n', 'select']));
      expect(await look()).toEqual([
        ['a', 1, 2, 15, 'kept'],
        ['a', 2, 4, 15, 'kept'],
        ['a', 4, 8, 25, 'kept'],
        ['b', 1, 2, 0, 'kept'],
        ['b', 4, 8, 35, 'kept'],
        ['c', 2, 4, 45, 'kept'],
      ]);
    });

    test('whole numbers of 64 bits without a sign keep every digit in a table that is made for them', async () => {
      await using database = await make();
      const large: Schema = {
        columns: [{ name: 'id', type: 'integer', exact: 'uint64' }, { name: 'score' }, { name: 'note' }],
      };
      await write(database.access, [['18446744073709551615', 1, 'a']], { atOnce }, large);
      const found = await database.connection.query('SELECT id FROM scored', [], signal);
      expect(found.flat().map(String)).toEqual(['18446744073709551615']);
    });

    test('overwriting removes the rows of the former run and no others, or refuses with advice', async () => {
      await using database = await make();
      await database.connection.execute(
        'CREATE TABLE scored (id bigint, score double precision, note text, run text)',
        [],
        signal,
      );
      await database.connection.execute("INSERT INTO scored VALUES (100, 0, 'of others', NULL)", [], signal);
      await write(database.access, someRows(5), { atOnce });
      const refused = await failure(write(database.access, someRows(6), { atOnce, overwrite: true }));
      expect(refused.code).toBe('OUTPUT_EXISTS');
      expect(refused.message).toMatch(/6 rows.*5 of them.*runColumn/s);
      expect(await idsIn(database)).toEqual([0, 1, 2, 3, 4, 100]);
      await database.connection.execute('DELETE FROM scored WHERE id < 100', [], signal);
      await database.connection.execute('DELETE FROM sluice_ledger', [], signal);
      await write(database.access, someRows(5), { atOnce, runColumn: 'run' });
      await write(database.access, someRows(3), { atOnce, runColumn: 'run', overwrite: true });
      expect(await idsIn(database)).toEqual([0, 1, 2, 100]);
    });

    test('another job adds its rows to those of a finished one', async () => {
      await using database = await make();
      await write(database.access, someRows(3), { atOnce });
      expect((await failure(write(database.access, someRows(3), { atOnce }))).code).toBe('OUTPUT_EXISTS');
      await using sink = sqlSink(database.access, { table, atOnce });
      await sink.open({ intake: 'another' }, signal);
      for (const batch of batchesOf([[7, 1, 'x']])) await sink.write(batch, schema, signal);
      const tally = { read: 1, scored: 1, failed: 0, skipped: 0 };
      await sink.publish(
        { version: 1, job: { intake: 'another' }, tally, model: null, intakeBytes: 0, finished: 'now' },
        schema,
        signal,
      );
      expect(await idsIn(database)).toEqual([0, 1, 2, 7]);
    });
  });
}

const others = [
  { name: 'MariaDB', group: needs('mariadb'), make: () => newMariaDb(), places: 8, ways: modes },
  { name: 'H2 by JDBC', group: needs('jdbc'), make: () => newH2(), places: 3, ways: modes.slice(1) },
] as const;

for (const { name, group, make, places, ways } of others) {
  group.each(ways)(`${name}, rows %s, when the connection breaks`, (_name, atOnce) => {
    if (name === 'H2 by JDBC') heldOpen(make);

    test.each(['break', 'forward, then break'] as const)(
      '%s at any message: each row is in the table once',
      { timeout: 240_000 },
      async (fault) => {
        await using plain = await make();
        const messages = await throughTcp(plain, { atOnce }, () => 'forward');
        expect(await idsIn(plain)).toEqual(all);
        // The first ones are those of the greeting, where nothing can be lost; the last ones publish.
        for (let i = 0; i < places; i += 1) {
          const place = 20 + Math.floor((i * (messages - 21)) / (places - 1));
          await using database = await make();
          await throughTcp(database, { atOnce }, (index) => (index === place ? fault : 'forward'));
          expect(await idsIn(database), `${fault} at message ${place} of ${messages}`).toEqual(all);
        }
      },
    );
  });
}

needs('mariadb').each(modes)('MariaDB, rows %s, when the answer to a commit is lost', (_name, atOnce) => {
  test('the commit is not done again', async () => {
    await using database = await newMariaDb();
    let commits = 0;
    await throughTcp(database, { atOnce }, (_index, sent) => {
      if (sent.toString('latin1', 5) !== 'commit') return 'forward';
      commits += 1;
      return commits === 2 ? 'forward, then break' : 'forward';
    });
    expect(commits).toBeGreaterThan(2);
    expect(await idsIn(database)).toEqual(all);
  });
});

/** Writes the rows through a proxy; gives how many messages it was. */
async function throughTcp(
  { access }: TestDatabase,
  output: Partial<SqlOutput>,
  fault: (index: number, sent: Buffer) => ReturnType<TcpProxy['look']>,
): Promise<number> {
  const [, host = '', port = ''] = /\/\/([^:/]+):(\d+)/.exec(access.jdbcUrl) ?? [];
  await using proxy = await TcpProxy.start({ host, port: Number(port) });
  let messages = 0;
  proxy.look = (sent) => {
    messages += 1;
    return fault(messages - 1, sent);
  };
  const jdbcUrl = access.jdbcUrl.replace(`${host}:${port}`, `${proxy.host}:${proxy.port}`);
  const manifest = await write({ ...access, jdbcUrl }, someRows(40), output);
  expect(manifest.objects[0]?.records).toBe(40);
  return messages;
}

const deadlocks = [
  {
    name: 'PostgreSQL',
    group: needs('postgres'),
    make: newPostgres,
    // It waits longer before it looks for deadlocks.
    strengthen: ["SET LOCAL deadlock_timeout = '60s'"],
    waiting: "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'transactionid' AND datname = current_database()",
    interval: 20,
  },
  {
    name: 'MariaDB',
    group: needs('mariadb'),
    make: () => newMariaDb(),
    // The one that has changed less is the loser: it weighs more by rows of a table that nobody else sees.
    strengthen: [
      'CREATE TEMPORARY TABLE weight (n int) engine = InnoDB',
      'INSERT INTO weight SELECT seq FROM seq_1_to_1000',
    ],
    waiting: "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
    // InnoDB shows the same again to whoever asks more than ten times a second.
    interval: 150,
  },
] as const;

for (const { name, group, make, strengthen, waiting, interval } of deadlocks) {
  group(name, () => {
    test('a transaction that loses a deadlock is done again', async () => {
      await using database = await make();
      const { connection, driver, access } = database;
      await connection.execute(
        'CREATE TABLE scored (id bigint PRIMARY KEY, score double precision, note text)',
        [],
        signal,
      );
      await connection.execute('INSERT INTO scored VALUES (1, 0, NULL), (2, 0, NULL)', [], signal);
      await using other = await driver.connect(signal);
      await other.begin(signal);
      // The loser is the sink.
      for (const sql of strengthen) await other.execute(sql, [], signal);
      await other.execute("UPDATE scored SET note = 'other' WHERE id = 2", [], signal);
      // Two chunks: the first locks row 1, the second waits for row 2.
      const rows: Row[] = [
        [1, 1, 'one'],
        [2, 2, 'two'],
      ];
      const writing = write(access, rows, { statement: 'update', whereColumns: ['id'], chunkBytes: 1 });
      const waits = async (): Promise<boolean> => (await connection.query(waiting, [], signal)).length > 0;
      await expect.poll(waits, { timeout: 10_000, interval }).toBe(true);
      await other.execute("UPDATE scored SET note = 'other' WHERE id = 1", [], signal);
      await other.commit(signal);
      await writing;
      expect(await connection.query('SELECT id, score, note FROM scored ORDER BY id', [], signal)).toEqual([
        [1, 1, 'one'],
        [2, 2, 'two'],
      ]);
    });
  });
}

needs('postgres')('PostgreSQL', () => {
  test("a line of a text that is COPY's own mark of an end ends nothing", async () => {
    await using database = await newPostgres();
    const { connection, access } = database;
    await connection.execute('CREATE TABLE scored (id bigint, score double precision, note text NOT NULL)', [], signal);
    const notes = ['a', '\\.', 'two\n\\.\nlines', '\\.\n', '\n\\.', null, 'b', 'x\n\\.\n'];
    const manifest = await write(
      access,
      notes.map((note, id): Row => [id, null, note]),
    );
    expect(manifest.tally.failed).toBe(1);
    const found = await connection.query('SELECT note FROM scored ORDER BY id', [], signal);
    expect(found.flat()).toEqual(notes.filter((note) => note !== null));
    const table = { catalog: null, schema: null, name: 'one' };
    await connection.execute('CREATE TABLE one (n text)', [], signal);
    const { columns: own } = (await connection.describeTable(table, signal))!;
    await connection.load({ table, columns: own }, encodeRecords([['a'], ['\\.'], ['b']]), signal);
    expect((await connection.query('SELECT n FROM one', [], signal)).flat()).toEqual(['a', '\\.', 'b']);
  });
});
