import { describe, expect, test } from 'vitest';
import { murmur2, partitionOfKey } from '../../../../src/links/kafka/live/writer-partitioner.ts';

describe('the partition of a key', () => {
  // The values that Kafka's own tests of its Java client hold.
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('is the one that Java chooses (%s)', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
    expect(partitionOfKey(Buffer.from(key), 7)).toBe((hash & 0x7fffffff) % 7);
  });
});
