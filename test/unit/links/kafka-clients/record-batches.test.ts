import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ProducerRecord } from '../../../../src/links/kafka/client.ts';
import { writingCodec } from '../../../../src/links/kafka/clients/kafkajs/codecs.ts';
import type { AbortedTransaction } from '../../../../src/links/kafka/clients/protocol/consumer-wire.ts';
import { type DecodedRecords, decodeRecords } from '../../../../src/links/kafka/clients/protocol/record-decoder.ts';
import { encodeBatch } from '../../../../src/links/kafka/clients/protocol/record-encoder.ts';

const place = { topic: 'rows', partition: 3 };
const wall = Date.UTC(2026, 0, 1);

const bytes = fc.option(
  fc.uint8Array({ maxLength: 200 }).map((some) => Buffer.from(some)),
  { nil: null },
);
const record: fc.Arbitrary<ProducerRecord> = fc.record({
  key: bytes,
  value: bytes,
  headers: fc.array(
    fc.record({ name: fc.string(), value: fc.uint8Array({ maxLength: 9 }).map((some) => Buffer.from(some)) }),
    {
      maxLength: 3,
    },
  ),
  timestamp: fc.integer({ min: wall - 2 ** 40, max: wall + 2 ** 40 }),
});

interface BatchFacts {
  readonly producerId?: bigint;
  readonly transactional?: boolean;
  readonly compression?: 'none' | 'gzip';
}

/** A batch as a broker keeps it: with the offset of its first record. */
async function batchAt(
  first: number,
  records: readonly ProducerRecord[],
  { producerId = -1n, transactional = false, compression = 'none' }: BatchFacts = {},
): Promise<Buffer> {
  const identity = { producerId, epoch: 0, sequence: 0 };
  const batch = await encodeBatch(records, identity, { codec: writingCodec(compression), transactional, wall });
  batch.writeBigInt64BE(BigInt(first), 0);
  return batch;
}

/** The end of a transaction, as the broker writes it. */
async function marker(at: number, producerId: bigint, commits: boolean): Promise<Buffer> {
  const control = { key: Buffer.from([0, 0, 0, commits ? 1 : 0]), value: Buffer.alloc(6), headers: [] };
  const batch = await batchAt(at, [control], { producerId, transactional: true });
  batch.writeInt16BE(batch.readInt16BE(21) | 0x20, 21);
  return batch;
}

function decoded(
  parts: readonly Buffer[],
  from: number,
  aborted: readonly AbortedTransaction[] = [],
): Promise<DecodedRecords> {
  return decodeRecords(
    { decompress: async (_codec, body) => gunzipSync(body) },
    Buffer.concat(parts),
    place,
    from,
    aborted,
  );
}

const texts = ({ messages }: DecodedRecords): readonly string[] => messages.map(({ value }) => String(value));
const text = (value: string): ProducerRecord => ({ key: null, value: Buffer.from(value), headers: [] });

test('what is written is read, from any offset on, and a batch that is cut off is left for the next answer', async () => {
  const batches = fc.array(fc.array(record, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      batches,
      fc.nat(),
      fc.nat(),
      fc.constantFrom('none', 'gzip'),
      async (all, skip, cut, compression) => {
        const parts: Buffer[] = [];
        let end = 100;
        for (const records of all) {
          parts.push(await batchAt(end, records, { compression }));
          end += records.length;
        }
        const written = all.flat().map((one, index) => ({ ...place, ...one, offset: 100 + index }));
        const from = 100 + (skip % written.length);
        expect(await decoded(parts, from)).toEqual({
          messages: written.filter(({ offset }) => offset >= from),
          next: end,
        });
        const last = parts.pop()!;
        const rest = last.subarray(0, cut % last.length);
        const whole = end - all.at(-1)!.length;
        const seen = written.filter(({ offset }) => offset >= from && offset < whole);
        expect(await decoded([...parts, rest], from)).toEqual({ messages: seen, next: Math.max(from, whole) });
      },
    ),
    { numRuns: 200 },
  );
});

test('records of aborted transactions are left out, though they interleave with others', async () => {
  const [one, other] = [1n, 2n];
  const parts = [
    await batchAt(0, [text('aborted')], { producerId: one, transactional: true }),
    await batchAt(1, [text('committed')], { producerId: other, transactional: true }),
    // Plain records of the same producer id are not of the transaction; nor does a key of four zero bytes end it.
    await batchAt(2, [text('plain')], { producerId: one }),
    await batchAt(3, [{ ...text('aborted too'), key: Buffer.alloc(4) }], { producerId: one, transactional: true }),
    await marker(4, other, true),
    await batchAt(5, [text('still aborted')], { producerId: one, transactional: true }),
    await marker(6, one, false),
    await batchAt(7, [text('the next one')], { producerId: one, transactional: true }),
    await marker(8, one, true),
  ];
  const aborted = [{ producerId: one, firstOffset: 0n }];
  const all = await decoded(parts, 0, aborted);
  expect(texts(all)).toEqual(['committed', 'plain', 'the next one']);
  expect(all.next).toBe(9);
  expect(texts(await decoded(parts.slice(3), 3, aborted))).toEqual(['the next one']);
});

test('a batch of which compaction has left no record, a marker or not, is passed over', async () => {
  const emptied = async (of: Promise<Buffer>): Promise<Buffer> => {
    const batch = (await of).subarray(0, 61);
    batch.writeInt32BE(49, 8);
    batch.writeInt32BE(0, 57);
    return batch;
  };
  const parts = [
    await batchAt(0, [text('aborted')], { producerId: 1n, transactional: true }),
    await emptied(marker(4, 2n, false)),
    await emptied(batchAt(5, [text('gone')])),
    await batchAt(6, [text('there')]),
  ];
  const all = await decoded(parts, 0, [{ producerId: 1n, firstOffset: 0n }]);
  expect(texts(all)).toEqual(['there']);
  expect(all.next).toBe(7);
});

test('a format older than Kafka 0.11 is named', async () => {
  const old = await batchAt(0, [text('a')]);
  old.writeInt8(1, 16);
  await expect(decoded([old], 0)).rejects.toMatchObject({
    code: 'KAFKA_FAULT',
    message: expect.stringContaining('partition 3 of topic rows has records of the old format 1'),
  });
});
