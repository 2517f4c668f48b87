import { expect, test } from 'vitest';
import { createCsvCodec } from '../../../src/codecs/csv/csv-codec.ts';
import { defaultCsvSettings } from '../../../src/codecs/csv/csv-settings.ts';
import type { RowBatch } from '../../../src/core/row-batch.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** A source that gives a chunk when it is told to, and says when it was asked. */
class SlowSource {
  readonly #asked: (() => void)[] = [];
  #give: (text: string | null) => void = () => undefined;
  #isAsked = false;

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<string | null>();
      this.#give = resolve;
      this.#isAsked = true;
      for (const told of this.#asked.splice(0)) told();
      const text = await promise;
      if (text === null) return;
      yield Buffer.from(text);
    }
  }

  /** Resolves when a chunk is awaited: the ones before it were taken. */
  async asked(): Promise<void> {
    if (!this.#isAsked) await new Promise<void>((resolve) => this.#asked.push(resolve));
  }

  async give(text: string | null): Promise<void> {
    await this.asked();
    this.#isAsked = false;
    this.#give(text);
  }
}

function reading(lingerMs: number, rows = 100) {
  const clock = new ManualClock();
  const source = new SlowSource();
  const stop = new AbortController();
  const context = { split: 'live', after: null, limits: { rows, bytes: 1e6, lingerMs } };
  const codec = createCsvCodec(defaultCsvSettings, { clock });
  const batches = codec.decode(source.chunks(), context, null, stop.signal)[Symbol.asyncIterator]();
  return { clock, source, stop, batches };
}

const text = (batch: IteratorResult<RowBatch>): string => Buffer.from(batch.value.bytes).toString();

test('a started batch is given when the source keeps it waiting for the linger time, and no row is lost or doubled', async () => {
  const { clock, source, batches } = reading(50);
  const first = batches.next();
  await source.give('a,b\n1,2\n3,');
  await source.asked();
  await clock.asleep();
  clock.advance(49);
  await source.give('4\n5');
  await source.asked();
  await clock.asleep();
  clock.advance(1);
  const batch = await first;
  expect(text(batch)).toBe('1,2\n3,4\n');
  expect(batch.value.origin.position).toEqual({ offset: 12, row: 2, line: 4 });
  const second = batches.next();
  await source.give(',6\n');
  await source.give(null);
  expect(text(await second)).toBe('5,6\n');
  expect((await batches.next()).done).toBe(true);
  expect(clock.slept.slice(0, 2)).toEqual([50, 1]);
  expect(clock.sleepers).toBe(0);
});

test('nothing lingers while no row has come, and a full batch is given at once', async () => {
  const { clock, source, batches } = reading(50, 2);
  const first = batches.next();
  await source.give('a,b\n1');
  await source.give(',2\n3,4\n5,6\n');
  expect(text(await first)).toBe('1,2\n3,4\n');
  expect(clock.slept).toEqual([]);
});

test('an abort ends the wait for a chunk with its reason', async () => {
  const { stop, batches, source } = reading(50);
  const first = batches.next();
  await source.give('a,b\n');
  const reason = new Error('stopped');
  stop.abort(reason);
  await expect(first).rejects.toBe(reason);
});

test("the source's own error comes through as it is", async () => {
  const failure = new Error('disk gone');
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a,b\n1,2\n');
    throw failure;
  }
  const context = { split: 'x', after: null, limits: { rows: 5, bytes: 1e6, lingerMs: 10 } };
  const codec = createCsvCodec(defaultCsvSettings, { clock: new ManualClock() });
  const batches = codec.decode(chunks(), context, null, new AbortController().signal)[Symbol.asyncIterator]();
  await expect(batches.next()).rejects.toBe(failure);
});

test('leaving early closes the source', async () => {
  let closed = false;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (let i = 0; ; i += 1) yield Buffer.from(i === 0 ? 'a,b\n' : '1,2\n');
    } finally {
      closed = true;
    }
  }
  const context = { split: 'x', after: null, limits: { rows: 5, bytes: 1e6, lingerMs: 10 } };
  const codec = createCsvCodec(defaultCsvSettings, { clock: new ManualClock() });
  for await (const batch of codec.decode(chunks(), context, null, new AbortController().signal)) {
    expect(batch.rows).toBe(5);
    break;
  }
  expect(closed).toBe(true);
});
