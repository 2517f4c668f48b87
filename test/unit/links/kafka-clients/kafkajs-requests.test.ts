import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../../../src/links/kafka/clients/kafkajs/crc32c.ts';
import { FlexibleReader } from '../../../../src/links/kafka/clients/kafkajs/flexible-reader.ts';
import { FlexibleWriter } from '../../../../src/links/kafka/clients/kafkajs/flexible-writer.ts';

describe('the checksum of record batches', () => {
  test('is that of RFC 3720', () => {
    const vectors: readonly (readonly [Buffer, number])[] = [
      [Buffer.alloc(0), 0],
      [Buffer.from('123456789'), 0xe3069283],
      [Buffer.alloc(32), 0x8a9136aa],
      [Buffer.alloc(32, 0xff), 0x62a8ab43],
      [Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
    ];
    for (const [bytes, sum] of vectors) expect(crc32c(bytes)).toBe(sum);
  });

  test('does not depend on where in memory the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const sums = new Set<number>();
        for (let shift = 0; shift < 8; shift += 1) {
          const memory = new Uint8Array(shift + bytes.length + 8).fill(shift);
          memory.set(bytes, shift);
          sums.add(crc32c(memory.subarray(shift, shift + bytes.length)));
        }
        expect(sums.size).toBe(1);
      }),
    );
  });
});

describe('the compact form of requests', () => {
  const value = fc.record({
    short: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
    int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    text: fc.option(fc.string({ unit: 'binary', maxLength: 300 })),
    list: fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { maxLength: 200 }),
  });

  test('what is written is read', () => {
    fc.assert(
      fc.property(value, ({ short, int, long, text, list }) => {
        const writer = new FlexibleWriter().int16(short).int32(int).int64(long).string(text);
        writer.array(list, (each) => writer.unsigned(each)).end();
        const reader = new FlexibleReader(Buffer.concat(writer.pieces));
        const read = { short: reader.int16(), int: reader.int32(), long: reader.int64(), text: reader.string() };
        expect({ ...read, list: reader.array(() => reader.unsigned()) }).toEqual({ short, int, long, text, list });
        reader.end();
        expect(() => reader.unsigned()).toThrow(RangeError);
      }),
    );
  });

  test('bytes are passed on as they are, between what stands before and behind them', () => {
    const batch = Buffer.from('batch');
    const { pieces } = new FlexibleWriter().int8(1).bytes(batch).int8(2);
    expect(pieces).toContain(batch);
    const whole = Buffer.concat(pieces);
    expect(whole).toEqual(Buffer.from([1, batch.length + 1, ...batch, 2]));
    const reader = new FlexibleReader(whole);
    expect([reader.int8(), reader.bytes()?.toString(), reader.int8()]).toEqual([1, 'batch', 2]);
    const cut = new FlexibleReader(whole.subarray(1, 4));
    expect(() => cut.bytes()).toThrow(RangeError);
  });

  test('tagged fields that are younger than us are passed over', () => {
    const reader = new FlexibleReader(Buffer.from([2, 0, 3, 9, 9, 9, 1, 1, 9, 0, 7]));
    reader.end();
    expect(reader.int16()).toBe(7);
  });

  test('an answer that ends too early is a RangeError', () => {
    const whole = Buffer.concat(new FlexibleWriter().string('a text').int64(1n).pieces);
    for (let length = 0; length < whole.length; length += 1) {
      const reader = new FlexibleReader(whole.subarray(0, length));
      expect(() => [reader.string(), reader.int64()]).toThrow(RangeError);
    }
  });
});
