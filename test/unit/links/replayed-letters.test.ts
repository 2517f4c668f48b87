import { expect, test } from 'vitest';
import type { Envelope } from '../../../src/core/envelope.ts';
import { REJECTED_BYTES } from '../../../src/core/row-batch.ts';
import type { DeadLetter } from '../../../src/core/scored-batch.ts';
import type { ProducerRecord } from '../../../src/links/kafka/client.ts';
import { keptLetterOf } from '../../../src/links/kafka/letters/kept-letter.ts';
import { createLetterReader } from '../../../src/links/kafka/letters/letter-rows.ts';
import { admitLetters, firstPartition, letterAgain } from '../../../src/links/kafka/letters/replayed-letters.ts';
import { deadLetterRecord } from '../../../src/links/kafka/live/writer-dead-letters.ts';

const never = new AbortController().signal;
const columns = [{ name: 'id' }, { name: 'text' }];
const origin = { job: 'deployment d to out', columns };
const none = (): undefined => undefined;

const inDead = ({ key, value, headers }: ProducerRecord, offset = 7): Envelope => ({
  topic: 'dead',
  partition: 1,
  offset,
  timestamp: 9,
  key,
  value,
  headers,
});
const row = (bytes: string, more: Partial<DeadLetter> = {}): DeadLetter => ({
  kind: 'failed',
  split: 'in.csv',
  row: 7,
  line: 9,
  reason: 'bad',
  attempts: 3,
  bytes: Buffer.from(bytes),
  ...more,
});

test('a message that fails again keeps its key, headers, bytes and first coordinates, with the reason of now and all its requests', () => {
  const message: Envelope = {
    topic: 'in',
    partition: 4,
    offset: 41,
    timestamp: 5,
    key: Buffer.from('k'),
    headers: [{ name: 'own', value: Buffer.from('x') }],
    value: Buffer.from('{"id":1}'),
  };
  const was = inDead(deadLetterRecord(row('1', { envelope: message }), { job: 'group g' }));
  const admitted = admitLetters('group g', none)(was)!;
  // What an output row takes from it.
  expect(admitted).toMatchObject({ offset: 7, timestamp: 5, key: message.key, headers: message.headers });
  expect(firstPartition(admitted)).toBe(4);
  const again = letterAgain('group g')(row('1', { reason: 'bad still', attempts: 2, envelope: admitted }));
  const wanted = row('1', { reason: 'bad still', attempts: 5, envelope: message });
  expect(again).toEqual(deadLetterRecord(wanted, { job: 'group g' }));
});

test('letters of another job, and what is no letter, are passed over', () => {
  const admit = admitLetters('group g', none);
  expect(admit(inDead(deadLetterRecord(row('1'), origin)))).toBeNull();
  expect(admit(inDead(deadLetterRecord(row('1'))))).toBeNull();
  expect(admit(inDead({ key: null, value: null, headers: [] }))).toBeNull();
});

test('rows that came in no message are read by their columns; what was no row, or is cut, stays what it is', async () => {
  const long = 'x'.repeat(REJECTED_BYTES);
  const kept = [
    row('1,a'),
    row(long),
    row('2,"b, c"'),
    row('ragged', { kind: 'skipped', row: null, reason: 'too few', attempts: 0 }),
    row('3,,', { reason: 'bad' }),
    row('3,'),
    row('3,"open'),
    row('corrected', { kind: 'skipped', row: 12 }),
  ];
  const admit = admitLetters(origin.job, ({ row: number }) => (number === 12 ? Buffer.from('4,d') : undefined));
  const letters = kept.map((letter, offset) => admit(inDead(deadLetterRecord(letter, origin), offset))!);
  const { runs, unreadable } = await createLetterReader(null).read(letters, never);
  expect(
    runs.map(({ schema, bytes, messages }) => [schema.columns, Buffer.from(bytes).toString(), [...messages]]),
  ).toEqual([[columns, '1,a\n2,"b, c"\n3,\n4,d\n', [0, 2, 5, 7]]]);
  expect(unreadable).toEqual([
    { message: 1, reason: 'bad' },
    { message: 3, reason: 'too few' },
    { message: 4, reason: 'the row has 3 fields where its columns are 2' },
    { message: 6, reason: 'the row is no record of CSV: a quote is open, or text follows one' },
  ]);
  const cut = letterAgain(origin.job)(row('', { kind: 'skipped', attempts: 0, envelope: letters[1] }));
  expect(keptLetterOf(inDead(cut))).toMatchObject({
    kind: 'failed',
    row: 7,
    line: 9,
    attempts: 3,
    bytes: Buffer.from(long),
  });
  const ragged = letterAgain(origin.job)(
    row('', { kind: 'skipped', reason: 'too few', attempts: 0, envelope: letters[3] }),
  );
  expect(ragged).toEqual(deadLetterRecord(kept[3]!, origin));
});
