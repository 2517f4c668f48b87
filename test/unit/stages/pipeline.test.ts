import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findSluiceError } from '../../../src/core/error.ts';
import { arithmeticScorer } from '../../support/arithmetic-scorer.ts';
import { MemoryStorage, memorySink } from '../../support/memory-sink.ts';
import { memorySource } from '../../support/memory-source.ts';
import { noFailureLimits, runParts } from '../../support/pipeline-runs.ts';

const isBad = (id: number): boolean => id % 7 === 3;
const withId = { passthroughColumns: ['id'] };

function expectedRows(rows: number, bad: (id: number) => boolean = () => false): string {
  return Array.from({ length: rows }, (_, id) => (bad(id) ? `,${id}\n` : `${2 * id},${id}\n`)).join('');
}

/** Resolves after so many turns of the event loop, so that replies overtake one another. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise(setImmediate);
}

describe('the stages, joined by memory links', () => {
  test('deliver the rows of the intake once each and in its order, however the replies overtake one another', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(40), { minLength: 1, maxLength: 4 }).filter((rows) => rows.some((count) => count > 0)),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.nat(4), { minLength: 1, maxLength: 10 }),
        async (splits, partitions, batchRows, delays) => {
          const storage = new MemoryStorage();
          let request = 0;
          const scorer = arithmeticScorer({ bad: isBad, delay: () => turns(delays[request++ % delays.length]!) });
          const total = splits.reduce((sum, rows) => sum + rows, 0);
          const delivered = await runParts({
            source: memorySource(splits),
            sink: memorySink(storage),
            scorer,
            partitions,
            batchRows,
            batchBytes: 40,
            output: withId,
          });
          const failed = Array.from({ length: total }, (_, id) => id).filter(isBad);
          // With nothing scored at all nobody knows how many cells a prediction has.
          if (failed.length < total) expect(storage.rows).toBe(expectedRows(total, isBad));
          expect(delivered.tally).toEqual({
            read: total,
            scored: total - failed.length,
            failed: failed.length,
            skipped: 0,
          });
          expect(storage.deadLetters.map(({ bytes }) => Number(new TextDecoder().decode(bytes).split(',')[0]))).toEqual(
            failed,
          );
          expect(scorer.inFlight.most).toBeLessThanOrEqual(partitions);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('continue after any crash, with any commits, to the output of an undisturbed run', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 }),
        fc.array(
          fc.record({
            crashAfter: fc.nat(12),
            partitions: fc.integer({ min: 1, max: 4 }),
            commitEveryBytes: fc.integer({ min: 1, max: 200 }),
          }),
          { maxLength: 4 },
        ),
        fc.integer({ min: 1, max: 9 }),
        async (splits, crashes, batchRows) => {
          const storage = new MemoryStorage();
          const total = splits.reduce((sum, rows) => sum + rows, 0);
          for (const { crashAfter, ...settings } of crashes) {
            if (storage.published !== null) break;
            const crash = new AbortController();
            let writes = 0;
            const sink = memorySink(storage, async () => {
              writes += 1;
              if (writes > crashAfter) {
                crash.abort(new Error('killed'));
                throw new Error('killed');
              }
            });
            // A killed process runs no more code: a commit after the crash would be one that never happened.
            const killed = {
              ...sink,
              commit: (signal: AbortSignal) =>
                crash.signal.aborted ? Promise.reject(new Error('killed')) : sink.commit(signal),
            };
            await runParts({
              source: memorySource(splits),
              sink: killed,
              scorer: arithmeticScorer({ bad: isBad }),
              batchRows,
              output: withId,
              signal: crash.signal,
              ...settings,
            }).catch(() => undefined);
          }
          if (storage.published === null) {
            await runParts({
              source: memorySource(splits),
              sink: memorySink(storage),
              scorer: arithmeticScorer({ bad: isBad }),
              partitions: 3,
              batchRows,
              output: withId,
            });
          }
          if (total > 3) expect(storage.rows).toBe(expectedRows(total, isBad));
          expect(storage.deadLetters.map(({ row }) => row).length).toBe(
            Array.from({ length: total }, (_, id) => id).filter(isBad).length,
          );
          expect(storage.ledger?.tally.read).toBe(total);
          const { rows, sampled, refusals } = storage.ledger!.statistics!;
          const { scored, failed } = storage.ledger!.tally;
          expect({ rows, sampled, refused: refusals.count }).toEqual({
            rows: scored,
            sampled: scored,
            refused: failed,
          });
        },
      ),
      { numRuns: 100 },
    );
  });

  test('read no further than the links hold while the output is stalled', async () => {
    const storage = new MemoryStorage();
    const source = memorySource([100_000]);
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const running = runParts({
      source,
      sink: memorySink(storage, () => gate),
      scorer: arithmeticScorer(),
      partitions: 2,
      batchRows: 10,
      batchBytes: 200,
      output: withId,
    });
    await turns(200);
    const stalledAt = source.emitted.rows;
    await turns(200);
    expect(source.emitted.rows).toBe(stalledAt);
    // Two links of two partitions with two batches each, one batch in each hand: far from the 100,000 rows.
    expect(stalledAt).toBeLessThan(400);
    open();
    expect((await running).tally.read).toBe(100_000);
  });

  test('stop at once everywhere when one of them fails, and say why', async () => {
    const failing = arithmeticScorer({ delay: async () => Promise.reject(new Error('the scorer broke')) });
    const running = runParts({
      source: memorySource([1_000_000]),
      sink: memorySink(new MemoryStorage()),
      scorer: failing,
      partitions: 4,
      batchRows: 10,
    });
    await expect(running).rejects.toThrow('the scorer broke');
  });

  test('drain when they are told to stop: what was read is delivered and durable, and the rest comes with the next run', async () => {
    const storage = new MemoryStorage();
    const stop = new AbortController();
    const first = await runParts({
      source: memorySource([500]),
      sink: memorySink(storage),
      scorer: arithmeticScorer(),
      partitions: 3,
      batchRows: 10,
      output: withId,
      stop: stop.signal,
      onDelivered: ({ read }) => read >= 100 && stop.abort(),
    });
    expect(first.complete).toBe(false);
    expect(storage.ledger?.tally.read).toBe(first.tally.read);
    expect(first.tally.read).toBeGreaterThanOrEqual(100);
    expect(first.tally.read).toBeLessThan(500);
    const second = await runParts({
      source: memorySource([500]),
      sink: memorySink(storage),
      scorer: arithmeticScorer(),
      partitions: 2,
      batchRows: 7,
      output: withId,
    });
    expect(second.complete).toBe(true);
    expect(storage.rows).toBe(expectedRows(500));
  });

  test('write rows that failed before any was scored with as many blank cells as the predictions turn out to have', async () => {
    const storage = new MemoryStorage();
    await runParts({
      source: memorySource([30]),
      sink: memorySink(storage),
      scorer: arithmeticScorer({ bad: (id) => id < 20 }),
      partitions: 2,
      batchRows: 5,
      output: withId,
    });
    expect(storage.rows).toBe(expectedRows(30, (id) => id < 20));
  });

  test('refuse an intake with a header and no rows', async () => {
    const running = runParts({
      source: memorySource([0, 0]),
      sink: memorySink(new MemoryStorage()),
      scorer: arithmeticScorer(),
      partitions: 2,
      batchRows: 5,
    });
    expect(findSluiceError(await running.catch((error: unknown) => error))?.code).toBe('INTAKE_EMPTY');
  });

  test('end a job with too many bad rows at the same row on every run, and keep the dead letters that say why', async () => {
    const outcomes = [1, 4].map(async (partitions) => {
      const storage = new MemoryStorage();
      const failures = { ...noFailureLimits, abortOnError: true, maxShare: 0.1, minRows: 20 };
      const running = runParts({
        source: memorySource([1_000]),
        sink: memorySink(storage),
        scorer: arithmeticScorer({ bad: isBad }),
        partitions,
        batchRows: 5,
        failures,
      });
      const error = findSluiceError(await running.catch((thrown: unknown) => thrown));
      return { code: error?.code, message: error?.message, deadLetters: storage.deadLetters.length };
    });
    const [one, four] = await Promise.all(outcomes);
    expect(one).toEqual(four);
    expect(one).toMatchObject({ code: 'TOO_MANY_FAILURES', deadLetters: 3 });
    expect(one?.message).toContain('3 of 20 rows are bad');
    expect(one?.message).toContain('id 3 is bad');
  });

  test('end a long job of whose last rows nearly all are bad, however few that are of the whole', async () => {
    const limits = { ...noFailureLimits, abortOnError: true, windowRows: 100, windowShare: 0.9 };
    const run = (bad: (id: number) => boolean) => {
      const storage = new MemoryStorage();
      const source = memorySource([3_000]);
      const parts = {
        source,
        sink: memorySink(storage),
        scorer: arithmeticScorer({ bad }),
        partitions: 2,
        batchRows: 20,
      };
      return { storage, running: runParts({ ...parts, failures: limits }) };
    };
    const stretch = run((id) => id >= 2_000);
    const error = findSluiceError(await stretch.running.catch((thrown: unknown) => thrown));
    expect(error?.code).toBe('TOO_MANY_FAILURES');
    expect(error?.message).toContain('100 of the last 100');
    expect(error?.message).toContain('The first: id 2000 is bad');
    // They are there to be read, and the search has stopped with the window.
    expect(stretch.storage.deadLetters).toHaveLength(100);
    // Two bad rows of three all along, and a short stretch of nothing else, are no reason.
    const all = run((id) => id % 3 > 0 || (id >= 2_000 && id < 2_060));
    await all.running;
    expect(all.storage.published).not.toBeNull();
  });
});
