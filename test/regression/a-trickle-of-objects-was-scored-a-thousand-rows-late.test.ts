import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createRecordSource } from '../../src/codecs/streams/record-source.ts';
import { ManualClock } from '../support/manual-clock.ts';

const never = new AbortController().signal;

test('rows of a stream of objects that comes steadily wait for others no longer than they may', async () => {
  const clock = new ManualClock();
  async function* trickle(): AsyncGenerator<{ readonly a: number }> {
    for (let a = 0; a < 20; a += 1) {
      await clock.sleep(40, never);
      yield { a };
    }
  }
  const limits = { rows: 1000, bytes: 1_000_000, lingerMs: 100 };
  const source = createRecordSource(trickle(), clock);
  const [split] = await source.splits(never);
  const batches = source.read(split!, null, limits, never);
  const came: { readonly at: number; readonly rows: readonly unknown[] }[] = [];
  const read = (async () => {
    for await (const batch of batches) came.push({ at: clock.now(), rows: batch.records().flat() });
  })();
  for (let ms = 0; ms < 1000; ms += 10) {
    await setImmediate();
    clock.advance(10);
  }
  await read;
  // The first row comes after 40 ms, and may wait for 100.
  expect(came[0]).toEqual({ at: 140, rows: [0, 1, 2] });
  expect(came.flatMap(({ rows }) => rows)).toEqual(Array.from({ length: 20 }, (_, a) => a));
});
