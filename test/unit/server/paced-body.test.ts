import { describe, expect, test } from 'vitest';
import { pacedBody } from '../../../src/server/security/paced-body.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const pace = { bytes: 100, windowMs: 60_000 };

/** A body whose chunks come when a test sends them. */
function open(clock: ManualClock) {
  const stream = new TransformStream<Uint8Array, Uint8Array>();
  const writer = stream.writable.getWriter();
  let bytes = 0;
  const read = (async () => {
    for await (const chunk of pacedBody(stream.readable, pace, clock)) bytes += chunk.length;
  })();
  read.catch(() => undefined);
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    read,
    bytes: () => bytes,
    /** So many bytes at once, then time passes. */
    send: async (count: number, thenMs: number): Promise<void> => {
      if (count > 0) void writer.write(new Uint8Array(count));
      await settle();
      clock.advance(thenMs);
      await settle();
    },
    end: async (): Promise<void> => {
      void writer.close();
      await settle();
    },
  };
}

describe('the pace of an upload', () => {
  test('is kept by a slow line', async () => {
    const body = open(new ManualClock());
    for (let second = 0; second < 600; second += 1) await body.send(2, 1000);
    await body.end();
    await body.read;
    expect(body.bytes()).toBe(1200);
  });

  test('is kept by one that comes in bursts', async () => {
    const body = open(new ManualClock());
    for (let minute = 0; minute < 10; minute += 1) await body.send(100, 60_000);
    await body.end();
    await body.read;
    expect(body.bytes()).toBe(1000);
  });

  test('is not kept by a byte now and then', async () => {
    const body = open(new ManualClock());
    for (let second = 0; second < 60; second += 1) await body.send(1, 1000);
    await expect(body.read).rejects.toMatchObject({ code: 'JOB_LIMIT', status: 408 });
  });

  test('is not kept by silence', async () => {
    const body = open(new ManualClock());
    await body.send(1_000_000, 60_000);
    await body.send(0, 60_000);
    await expect(body.read).rejects.toMatchObject({ code: 'JOB_LIMIT' });
  });

  test('does not matter to one that has ended', async () => {
    const body = open(new ManualClock());
    await body.send(1, 59_000);
    await body.end();
    await body.read;
  });

  test('does not count the time in which nobody reads', async () => {
    const clock = new ManualClock();
    const chunks = (async function* (): AsyncGenerator<Uint8Array> {
      for (let chunk = 0; chunk < 5; chunk += 1) yield new Uint8Array(1);
    })();
    let count = 0;
    for await (const _ of pacedBody(chunks, pace, clock)) {
      clock.advance(100_000);
      count += 1;
    }
    expect(count).toBe(5);
  });

  test('hands an error of the body on', async () => {
    const broken = (async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1);
      throw new Error('gone');
    })();
    const read = async (): Promise<void> => {
      for await (const _ of pacedBody(broken, pace, new ManualClock())) void _;
    };
    await expect(read()).rejects.toThrow('gone');
  });
});
