import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createReaders } from '../../src/codecs/formats.ts';
import type { ReadableObject } from '../../src/codecs/object-format.ts';
import { columnNames } from '../../src/core/schema.ts';
import { ManualClock } from '../support/manual-clock.ts';

const never = new AbortController().signal;

test.each([
  ['jsonl', '{"a":1}\n', '{"a":2,"late":3}\n'],
  ['json', '[{"a":1},', '{"a":2,"late":3}]'],
] as const)(
  'the columns of %s that is continued, or is one object of several, are those of the rows, however slowly they come',
  async (format, first, second) => {
    const clock = new ManualClock();
    const stop = clock.autoAdvance();
    const object: ReadableObject = {
      name: 'slow',
      bytes: first.length + second.length,
      compression: 'none',
      async *read() {
        yield Buffer.from(first);
        // Whoever sleeps wakes before the next bytes come.
        await setImmediate();
        yield Buffer.from(second);
      },
      range: () => Promise.reject(new Error('it is read as a stream')),
    };
    const reader = await createReaders({ format }, { clock }).for(object.name, async () => new Uint8Array(0));
    const schema = await reader.schema(object, null, never);
    stop();
    expect(columnNames(schema!)).toEqual(['a', 'late']);
  },
);
