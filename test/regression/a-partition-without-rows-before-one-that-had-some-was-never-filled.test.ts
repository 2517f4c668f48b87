import { expect, test } from 'vitest';
import { ingestResume } from '../../src/jobs/kafka/ingest-resume.ts';
import type { RowsTail } from '../../src/links/kafka/job/rows-tail.ts';

// Ingest was killed when the second partition's first batch was acknowledged and the first partition's was not (they have different
// leaders). The next run read on behind the second: batch 0 was in no topic, and the job could never be delivered.
test.each([0, 1, 2])('where partition %d alone holds nothing, ingest begins where the output says', (empty) => {
  const delivered = { sequence: 6, read: 18, through: { split: 's', after: 6 } };
  const tails: readonly RowsTail[] = [6, 7, 8].map((sequence) => ({
    sequence,
    through: { split: 's', after: sequence + 1 },
    read: 3 * (sequence + 1),
  }));
  const resume = ingestResume(tails.with(empty, null), delivered);
  expect(resume?.from).toEqual(delivered);
  for (const sequence of [6, 7, 8]) expect(resume?.held.has(sequence)).toBe(sequence !== 6 + empty);
});
