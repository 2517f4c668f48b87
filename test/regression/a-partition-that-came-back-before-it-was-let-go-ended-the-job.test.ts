import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { LinkReader, LinkWriter } from '../../src/core/link.ts';
import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';
import type { ScoredBatch } from '../../src/core/scored-batch.ts';
import { StageMeter } from '../../src/core/stage-meter.ts';
import { createMemoryLink } from '../../src/links/memory/memory-link.ts';
import { createOutputFormat } from '../../src/scoring/output/output-format.ts';
import { defaultOutputSettings } from '../../src/scoring/output/output-settings.ts';
import { OutputFormatSlot } from '../../src/stages/output-format-slot.ts';
import { score } from '../../src/stages/score.ts';
import { arithmeticScorer } from '../support/arithmetic-scorer.ts';

const never = new AbortController().signal;

// A process that was stopped for longer than its session got the same partition again while a batch of before was still being
// scored: its writer was begun twice, and the job ended with CONTRACT_BROKEN, "partition 0 is held already".
test('a partition that was lost and comes back is begun when its former work has let go of it', async () => {
  const rows = createMemoryLink<RowBatch>({ partitions: 1, partitionBytes: 1_000, sizeOf: () => 1 });
  const origin = { split: 's', firstRow: 0, after: null, position: 1, rejected: [] };
  const value = RowBatch.fromRecords(schemaOf(['id']), origin, [['1']]);
  for (const sequence of [0, 1]) await rows.writer.append(0, { kind: 'batch', sequence, value }, never);
  await rows.writer.append(0, { kind: 'end', sequence: 2, read: 2, complete: true }, never);
  const losing = new AbortController();
  const scoring = Promise.withResolvers<void>();
  const given = Promise.withResolvers<void>();
  const reader: LinkReader<RowBatch> = {
    async *leases(signal) {
      for await (const lease of rows.reader.leases(signal)) {
        yield { ...lease, lost: losing.signal, revoked: losing.signal };
        await scoring.promise;
        losing.abort(new Error('lost'));
        yield lease;
        given.resolve();
      }
    },
  };
  const calls: string[] = [];
  const scored = createMemoryLink<ScoredBatch>({ partitions: 1, partitionBytes: 1_000, sizeOf: () => 1 });
  const writer: LinkWriter<ScoredBatch> = {
    ...scored.writer,
    begin: (...all) => {
      calls.push('begin');
      return scored.writer.begin(...all);
    },
    end: (...all) => {
      calls.push('end');
      return scored.writer.end(...all);
    },
  };
  const delay = async (): Promise<void> => {
    scoring.resolve();
    await given.promise;
  };
  await score(
    {
      rows: reader,
      scored: writer,
      scorer: arithmeticScorer({ delay }),
      format: new OutputFormatSlot((intake) => createOutputFormat(defaultOutputSettings, intake)),
      meter: new StageMeter('score', systemClock),
    },
    never,
  );
  expect(calls).toEqual(['begin', 'end', 'begin', 'end']);
});
