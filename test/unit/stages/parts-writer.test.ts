import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findSluiceError } from '../../../src/core/error.ts';
import type { LinkWriter } from '../../../src/core/link.ts';
import type { ScoredBatch } from '../../../src/core/scored-batch.ts';
import type { OutputFormatSlot } from '../../../src/stages/output-format-slot.ts';
import type { PartsOptions, PartWait, PublishedPart, RollPolicy } from '../../../src/stages/parts-options.ts';
import { createPartsWriter } from '../../../src/stages/parts-writer.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { PartsMemory, type PartsProcess } from './parts-memory.ts';
import { lineAt, plainTopic, type Topic, topicBatch, topicFormats } from './parts-topic.ts';

const { signal } = new AbortController();
const SPLIT = 'topic/0';
const never: RollPolicy = { rows: Infinity, bytes: Infinity, ms: Infinity };

async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise(setImmediate);
}

interface Holder {
  readonly writer: LinkWriter<ScoredBatch>;
  readonly process: PartsProcess;
  readonly published: readonly PublishedPart[];
  readonly waits: readonly PartWait[];
  readonly failures: readonly unknown[];
  /** Appends what the topic has from where this holder stands. Gives false at the topic's end. */
  append(rows: number): Promise<boolean>;
  begin(from: number): Promise<number>;
}

interface HolderSettings extends Partial<Pick<PartsOptions, 'publishOnEnd' | 'heldBytes' | 'commits'>> {
  readonly memory: PartsMemory;
  readonly clock?: ManualClock;
  readonly topic?: Topic;
  readonly roll?: Partial<RollPolicy>;
  readonly stepsToLive?: number;
  readonly formats?: OutputFormatSlot;
}

/** One process that holds partition 0. */
function holder(settings: HolderSettings): Holder {
  const { memory, topic = plainTopic, formats = topicFormats(), clock = new ManualClock() } = settings;
  const process = memory.process(settings.stepsToLive);
  const published: PublishedPart[] = [];
  const waits: PartWait[] = [];
  const failures: unknown[] = [];
  const writer = createPartsWriter({
    splitOf: (partition) => `topic/${partition}`,
    openPart: process.openPart,
    publishedJob: process.publishedJob,
    job: { deployment: 'd' },
    format: formats,
    roll: { ...never, ...settings.roll },
    commits: settings.commits ?? { everyMs: 1_000, everyBytes: 1 },
    clock,
    publishOnEnd: settings.publishOnEnd ?? true,
    ...(settings.heldBytes === undefined ? {} : { heldBytes: settings.heldBytes }),
    onPublished: (part) => published.push(part),
    onWait: (wait) => waits.push(wait),
    onFailure: (_, error) => failures.push(error),
  });
  let next = 0;
  return {
    writer,
    process,
    published,
    waits,
    failures,
    begin: async (from) => (next = await writer.begin(0, from, signal)),
    append: async (rows) => {
      if (next >= topic.end) return false;
      const value = await topicBatch(topic, next, rows, formats);
      next = value.through.after as number;
      await writer.append(0, { kind: 'batch', sequence: value.sequence, value }, signal);
      return true;
    },
  };
}

function lines(topic: Topic, from: number, through: number): readonly string[] {
  return Array.from({ length: through - from }, (_, i) => lineAt(topic, from + i)).filter((line) => line !== null);
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => findSluiceError(error)?.code ?? String(error),
  );
}

/** Lets the time go on until the work is done. */
async function waitFor<T>(work: Promise<T>, clock: ManualClock): Promise<T> {
  const state = { pending: true };
  const settle = (): void => {
    state.pending = false;
  };
  work.then(settle, settle);
  for (await turns(3); state.pending; await turns(3)) clock.advance(10_000);
  return work;
}

describe('the parts of a live topic', () => {
  test('roll at rows and at bytes, at the end of the batch that reaches them, and each begins where the one before ended', async () => {
    const memory = new PartsMemory();
    const one = holder({ memory, roll: { rows: 10 } });
    expect(await one.begin(100)).toBe(100);
    for (let i = 0; i < 6; i += 1) await one.append(4);
    expect(memory.published(SPLIT).map(({ from, through }) => [from, through])).toEqual([
      [100, 112],
      [112, 124],
    ]);
    expect(one.writer.durable(0)).toBe(124);
    const two = holder({ memory, roll: { bytes: 20 } });
    await one.writer.end(0, signal);
    expect(await two.begin(124)).toBe(124);
    await two.append(1);
    expect(two.writer.durable(0)).toBe(124);
    await two.append(1);
    expect(two.writer.durable(0)).toBe(126);
  });

  test('roll by age while no row comes, counted from their first row', async () => {
    const memory = new PartsMemory();
    const clock = new ManualClock();
    const one = holder({ memory, clock, roll: { ms: 60_000 } });
    await one.begin(0);
    clock.advance(600_000);
    await one.append(3);
    clock.advance(59_999);
    await turns();
    expect(one.writer.durable(0)).toBe(0);
    clock.advance(1);
    await turns();
    expect(one.writer.durable(0)).toBe(3);
    await one.append(2);
    clock.advance(60_000);
    await turns();
    expect(memory.published(SPLIT).map(({ from, through }) => [from, through])).toEqual([
      [0, 3],
      [3, 5],
    ]);
    expect(clock.sleepers).toBe(0);
  });

  test('roll by age also when they were continued and nothing comes', async () => {
    const memory = new PartsMemory();
    const clock = new ManualClock();
    const one = holder({ memory, clock });
    await one.begin(0);
    await one.append(3);
    one.process.kill();
    const two = holder({ memory, clock, roll: { ms: 1_000 } });
    expect(await two.begin(0)).toBe(3);
    clock.advance(1_000);
    await turns();
    expect(two.writer.durable(0)).toBe(3);
  });

  test('are of one set of columns each', async () => {
    const memory = new PartsMemory();
    const topic: Topic = { ...plainTopic, end: 30, changes: [7, 20] };
    const one = holder({ memory, topic });
    await one.begin(0);
    while (await one.append(5));
    await one.writer.end(0, signal);
    expect(memory.published(SPLIT).map(({ from, through, part }) => [from, through, part.manifest?.columns])).toEqual([
      [0, 7, ['double_PREDICTION', 'id', 'extra_0']],
      [7, 20, ['double_PREDICTION', 'id', 'extra_1']],
      [20, 30, ['double_PREDICTION', 'id', 'extra_2']],
    ]);
  });

  test('say in their manifest which job, split and offsets they are of, and what they hold', async () => {
    const memory = new PartsMemory();
    const topic: Topic = { ...plainTopic, isBad: (offset) => offset === 12, isUnreadable: (offset) => offset === 14 };
    const one = holder({ memory, topic });
    await one.begin(10);
    await one.append(6);
    await one.writer.end(0, signal);
    expect(one.published[0]?.manifest).toMatchObject({
      job: { deployment: 'd', split: SPLIT, from: 10, through: 16 },
      tally: { read: 6, scored: 4, failed: 1, skipped: 1 },
      finished: '2026-01-01T00:00:00.000Z',
    });
    expect(memory.published(SPLIT)[0]?.part.letters).toEqual([12, 14]);
  });

  test('that got nothing are not published, and leave nothing', async () => {
    const memory = new PartsMemory();
    const one = holder({ memory, topic: { ...plainTopic, isGap: () => true } });
    await one.begin(5);
    await one.append(10);
    await one.writer.end(0, signal);
    expect([memory.published(SPLIT), memory.unfinished(SPLIT), one.writer.durable(0)]).toEqual([[], [], 5]);
  });

  test('reach over the offsets without rows that follow theirs', async () => {
    const memory = new PartsMemory();
    const one = holder({ memory, topic: { ...plainTopic, isGap: (offset) => offset < 4 || offset >= 8 } });
    await one.begin(0);
    for (let i = 0; i < 3; i += 1) await one.append(4);
    await one.writer.end(0, signal);
    expect(memory.published(SPLIT).map(({ from, through }) => [from, through])).toEqual([[0, 12]]);
  });

  test('that got nothing but messages that are no rows are published with their dead letters', async () => {
    const memory = new PartsMemory();
    const topic: Topic = { ...plainTopic, end: 12, isUnreadable: (offset) => offset >= 4 };
    const one = holder({ memory, topic, roll: { rows: 4 } });
    await one.begin(0);
    while (await one.append(4));
    await one.writer.end(0, signal);
    expect(memory.published(SPLIT).map(({ from, through, part }) => [from, through, part.letters.length])).toEqual([
      [0, 4, 0],
      [4, 12, 8],
    ]);
  });
});

describe('the offset that is durable', () => {
  test('is that of the last published part, whatever a ledger holds', async () => {
    const memory = new PartsMemory();
    const one = holder({ memory });
    await one.begin(0);
    await one.append(50);
    expect(one.writer.durable(0)).toBe(0);
    await one.writer.end(0, signal);
    expect(one.writer.durable(0)).toBe(50);
  });

  test('stays where it was when the partition is let go of at once; the ledger saves the work of whoever comes next', async () => {
    const memory = new PartsMemory();
    const one = holder({ memory });
    await one.begin(0);
    await one.append(50);
    await one.writer.end(0, AbortSignal.abort(new Error('lost')));
    expect([one.writer.durable(0), memory.published(SPLIT)]).toEqual([0, []]);
    const two = holder({ memory });
    expect(await two.begin(0)).toBe(50);
    await two.append(10);
    await two.writer.end(0, signal);
    expect(memory.published(SPLIT).map(({ from, through, part }) => [from, through, part.lines])).toEqual([
      [0, 60, lines(plainTopic, 0, 60)],
    ]);
  });

  test('stays where it was when the end is not to publish; everything appended is in the ledger', async () => {
    const memory = new PartsMemory();
    const commits = { everyMs: Infinity, everyBytes: Infinity };
    const one = holder({ memory, publishOnEnd: false, commits });
    await one.begin(0);
    await one.append(50);
    await one.writer.end(0, signal);
    expect(one.writer.durable(0)).toBe(0);
    expect(await holder({ memory }).begin(0)).toBe(50);
  });
});

describe('rows without a known column', () => {
  const onlyBad = (until: number): Topic => ({ ...plainTopic, end: 40, isBad: (offset) => offset < until });

  test('wait for the first reply, and then stand in order with blank predictions', async () => {
    const memory = new PartsMemory();
    const one = holder({ memory, topic: onlyBad(12) });
    await one.begin(0);
    while (await one.append(5));
    await one.writer.end(0, signal);
    expect(memory.published(SPLIT)[0]?.part.lines).toEqual(lines(onlyBad(12), 0, 40));
  });

  test('are not written by an end before the first reply: they are read again', async () => {
    const memory = new PartsMemory();
    const one = holder({ memory, topic: onlyBad(40) });
    await one.begin(0);
    await one.append(5);
    await one.writer.end(0, signal);
    expect([memory.published(SPLIT), memory.unfinished(SPLIT), one.writer.durable(0)]).toEqual([[], [], 0]);
  });

  test('are written with the columns behind the predictions when the intake has ended', async () => {
    const memory = new PartsMemory();
    const one = holder({ memory, topic: onlyBad(40), publishOnEnd: false });
    await one.begin(0);
    while (await one.append(7));
    await one.writer.append(0, { kind: 'end', sequence: 40, read: 40, complete: true }, signal);
    expect(one.writer.durable(0)).toBe(40);
    const [part] = memory.published(SPLIT);
    expect([part?.part.manifest?.columns, part?.part.letters.length]).toEqual([['id', 'extra_0'], 40]);
  });

  test.each([
    ['alone', 0, ['prediction_status']],
    ['and rows that could not be scored', 7, ['id']],
  ])(
    'that are no rows at all %s are written when the intake has ended, whatever the output copies',
    async (_, rows, columns) => {
      const memory = new PartsMemory();
      const topic: Topic = { ...onlyBad(40), isUnreadable: (offset) => offset < 20 || offset >= 20 + rows };
      const one = holder({ memory, topic, formats: topicFormats(['id']) });
      await one.begin(0);
      while (await one.append(5));
      await one.writer.append(0, { kind: 'end', sequence: 40, read: 40, complete: true }, signal);
      const parts = memory.published(SPLIT);
      expect(
        parts.map(({ from, through, part }) => [from, through, part.manifest?.columns, part.lines.length]),
      ).toEqual([[0, 40, columns, rows]]);
      expect(parts[0]?.part.letters).toEqual([...Array(40).keys()]);
    },
  );

  test('do not stand in the way of rows that come after the columns of the messages changed', async () => {
    const memory = new PartsMemory();
    const topic: Topic = { ...onlyBad(10), changes: [10] };
    const one = holder({ memory, topic });
    await one.begin(0);
    while (await one.append(4));
    await one.writer.end(0, signal);
    expect(memory.published(SPLIT).map(({ from, through, part }) => [from, through, part.manifest?.columns])).toEqual([
      [0, 10, ['id', 'extra_0']],
      [10, 40, ['double_PREDICTION', 'id', 'extra_1']],
    ]);
  });

  test('are bounded in bytes, and the error tells the first reason', async () => {
    const one = holder({ memory: new PartsMemory(), topic: onlyBad(40), heldBytes: 5_000 });
    await one.begin(0);
    const append = async (): Promise<void> => {
      while (await one.append(5));
    };
    await expect(append()).rejects.toMatchObject({
      code: 'TOO_MANY_FAILURES',
      message: expect.stringContaining('id 0 is bad') as string,
    });
  });
});

describe('a holder that was replaced', () => {
  test('is waited for, longer each time, and what it publishes meanwhile is followed', async () => {
    const memory = new PartsMemory();
    const clock = new ManualClock();
    const zombie = holder({ memory });
    await zombie.begin(0);
    await zombie.append(10);
    const next = holder({ memory, clock });
    const begun = next.begin(0);
    for (let i = 1; i <= 4; i += 1) {
      await clock.asleep();
      clock.advance(next.waits.at(-1)!.ms);
      await turns(2);
    }
    expect(next.waits.slice(0, 4).map(({ ms }) => ms)).toEqual([187.5, 375, 750, 1_500]);
    expect(next.waits[0]).toMatchObject({ split: SPLIT, from: 0, reason: expect.stringContaining('held') as string });
    await zombie.writer.end(0, signal);
    expect(await waitFor(begun, clock)).toBe(10);
  });

  test('finds the next part taken, finished or begun, and can write nothing', async () => {
    for (const end of ['holds', 'published', 'left'] as const) {
      const memory = new PartsMemory();
      const zombie = holder({ memory, roll: { rows: 10 } });
      await zombie.begin(0);
      await zombie.append(10);
      const next = holder({ memory });
      expect(await next.begin(0)).toBe(10);
      await next.append(5);
      if (end === 'published') await next.writer.end(0, signal);
      if (end === 'left') next.process.kill();
      expect(await codeOf(zombie.append(5))).toBe('KAFKA_FENCED');
      expect(await codeOf(zombie.append(5))).toBe('KAFKA_FENCED');
      await zombie.writer.end(0, signal).catch(() => undefined);
      expect(memory.published(SPLIT)).toHaveLength(end === 'published' ? 2 : 1);
      // Whoever finds himself replaced by nobody takes the partition again.
      if (end === 'left') expect(await holder({ memory }).begin(10)).toBe(15);
    }
  });
});

describe('failures', () => {
  test('of a part that grew old are told at once, and by the next append and the end', async () => {
    const memory = new PartsMemory();
    const clock = new ManualClock();
    const one = holder({ memory, clock, roll: { ms: 1_000 } });
    await one.begin(0);
    await one.append(5);
    one.process.onStep = (step) => {
      if (step === 'publish') throw new Error('the disk is full');
    };
    clock.advance(1_000);
    await turns();
    expect(one.failures.map(String)).toEqual(['Error: the disk is full']);
    await expect(one.append(5)).rejects.toThrow('the disk is full');
    await expect(one.writer.end(0, signal)).rejects.toThrow('the disk is full');
    expect(await holder({ memory }).begin(0)).toBe(5);
  });

  test('an aborted append is not in the link, and does no harm when it had not begun', async () => {
    const memory = new PartsMemory();
    const one = holder({ memory });
    await one.begin(0);
    const value = await topicBatch(plainTopic, 0, 5, topicFormats());
    const record = { kind: 'batch', sequence: 0, value } as const;
    await expect(one.writer.append(0, record, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    await one.append(5);
    await one.writer.end(0, signal);
    expect(memory.published(SPLIT)[0]?.part.lines).toEqual(lines(plainTopic, 0, 5));
  });

  test('a batch that comes twice is written once, and one that overlaps is refused', async () => {
    const memory = new PartsMemory();
    const one = holder({ memory });
    const formats = topicFormats();
    await one.begin(0);
    const append = async (from: number, rows: number): Promise<void> => {
      const value = await topicBatch(plainTopic, from, rows, formats);
      await one.writer.append(0, { kind: 'batch', sequence: from, value }, signal);
    };
    await append(0, 5);
    await append(0, 5);
    await append(5, 5);
    expect(await codeOf(append(8, 5))).toBe('CONTRACT_BROKEN');
    one.process.kill();
    const two = holder({ memory });
    await two.begin(0);
    await two.writer.end(0, signal);
    expect(memory.published(SPLIT)[0]?.part.lines).toEqual(lines(plainTopic, 0, 10));
  });
});

/** One life of a holder, and how it ends. A `zombie` goes on while the next one has begun. */
const life = fc.record({
  stepsToLive: fc.integer({ min: 1, max: 60 }),
  batches: fc.nat(8),
  rows: fc.integer({ min: 1, max: 9 }),
  rollRows: fc.integer({ min: 1, max: 25 }),
  rollMs: fc.constantFrom(1_000, 5_000, Infinity),
  commitBytes: fc.constantFrom(1, 100, Infinity),
  advance: fc.nat(3_000),
  commits: fc.boolean(),
  publishOnEnd: fc.boolean(),
  end: fc.constantFrom('publish', 'abort', 'kill', 'zombie' as const),
});

test('over any crashes, zombies and rolls the published parts hold each row and dead letter once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(life, { maxLength: 8 }),
      fc.record({ end: fc.nat(90), gaps: fc.nat(4), unreadable: fc.nat(7), bad: fc.nat(5), changes: fc.boolean() }),
      async (lives, shape) => {
        const topic: Topic = {
          end: shape.end,
          isGap: (offset) => shape.gaps > 0 && offset % 11 < shape.gaps,
          isUnreadable: (offset) => shape.unreadable > 0 && offset % 13 === shape.unreadable,
          isBad: (offset) => shape.bad > 0 && offset % 17 < 3 * shape.bad,
          changes: shape.changes ? [20, 50] : [],
        };
        const memory = new PartsMemory();
        const clock = new ManualClock();
        let committed = 0;
        const zombies = new Set<Holder>();
        const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);
        const newHolder = (settings: Partial<HolderSettings>): Holder => holder({ memory, clock, topic, ...settings });
        const begin = async (next: Holder): Promise<void> => {
          const begun = next.begin(committed);
          let waiting = true;
          const settle = (): void => {
            waiting = false;
          };
          begun.then(settle, settle);
          await turns(2);
          await zombiesGoOn();
          // Those that hold what is waited for notice in the end, the others later or never.
          for (const old of zombies) {
            if (!waiting) break;
            zombies.delete(old);
            await quietly(old.writer.end(0, AbortSignal.abort(new Error('lost'))));
            clock.advance(10_000);
            await turns(2);
          }
          await waitFor(quietly(begun), clock);
          await begun;
        };
        const zombiesGoOn = async (): Promise<void> => {
          for (const old of zombies) for (let i = 0; i < 2; i += 1) await quietly(old.append(3));
        };
        for (const one of lives) {
          const next: Holder = newHolder({
            stepsToLive: one.stepsToLive,
            roll: { rows: one.rollRows, ms: one.rollMs },
            commits: { everyMs: 2_000, everyBytes: one.commitBytes },
            publishOnEnd: one.publishOnEnd,
          });
          try {
            await begin(next);
            for (let i = 0; i < one.batches && (await next.append(one.rows)); i += 1) {
              if (one.commits) committed = Math.max(committed, next.writer.durable(0));
              clock.advance(one.advance);
              await turns(2);
              if (i === 2) await zombiesGoOn();
            }
            if (one.end === 'publish') {
              await next.writer.end(0, signal);
              if (one.commits) committed = Math.max(committed, next.writer.durable(0));
            } else if (one.end === 'abort') await next.writer.end(0, AbortSignal.abort(new Error('lost')));
            else if (one.end === 'zombie') zombies.add(next);
            else next.process.kill();
          } catch {
            // It was killed within; a process that is dead holds nothing.
            next.process.kill();
          }
          await zombiesGoOn();
        }
        const last: Holder = newHolder({ roll: { rows: 20 } });
        await begin(last);
        await zombiesGoOn();
        while (await last.append(7));
        await last.writer.append(0, { kind: 'end', sequence: topic.end, read: 0, complete: true }, signal);
        await last.writer.end(0, signal);

        const parts = memory.published(SPLIT);
        expect(parts.flatMap(({ part }) => part.lines.map((line) => line.split(',').at(-2)))).toEqual(
          lines(topic, 0, topic.end).map((line) => line.split(',').at(-2)),
        );
        const all = Array.from({ length: topic.end }, (_, offset) => offset).filter((offset) => !topic.isGap(offset));
        const dead = all.filter((offset) => topic.isUnreadable(offset) || topic.isBad(offset));
        expect(parts.flatMap(({ part }) => part.letters)).toEqual(dead);
        for (const [i, part] of parts.entries()) expect(part.from).toBe(parts[i - 1]?.through ?? 0);
        expect(parts.reduce((sum, { part }) => sum + (part.manifest?.tally.read ?? 0), 0)).toBe(all.length);
        expect(memory.unfinished(SPLIT)).toEqual([]);
        expect(last.writer.durable(0)).toBe(parts.at(-1)?.through ?? 0);
      },
    ),
    { numRuns: 300 },
  );
});
