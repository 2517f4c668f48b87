import { createHash } from 'node:crypto';
import type { Json } from '../../../core/json.ts';
import type { Manifest } from '../../../core/ledger.ts';
import type { ScoredBatch } from '../../../core/scored-batch.ts';
import type { ProducerRecord } from '../client.ts';

type Holding = {
  readonly records: number;
  readonly bytes: number;
  readonly sha256: string;
};

/** What an output has in its topics so far; the ledger keeps it as JSON. */
export type TopicHoldings = {
  readonly rows: Holding;
  readonly deadLetters: Holding;
};

const NOTHING: Holding = { records: 0, bytes: 0, sha256: '' };

export function holdingsOf(holds: Json): TopicHoldings {
  return (holds as TopicHoldings | null) ?? { rows: NOTHING, deadLetters: NOTHING };
}

/** Adds a batch. The checksum is a chain over batches, as a topic cannot be read again from its start: SHA-256 of the one before and the canonical bytes. */
export function holdingsAfter(
  holdings: TopicHoldings,
  batch: ScoredBatch,
  records: readonly ProducerRecord[],
): TopicHoldings {
  const { deadLetters } = batch;
  return {
    rows: grown(
      holdings.rows,
      records.length,
      records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0),
      [batch.output.bytes.subarray(0, batch.output.ends.at(-1) ?? 0)],
    ),
    deadLetters: grown(
      holdings.deadLetters,
      deadLetters.length,
      deadLetters.reduce((sum, { bytes }) => sum + bytes.length, 0),
      deadLetters.map(({ bytes }) => bytes),
    ),
  };
}

function grown(before: Holding, records: number, bytes: number, parts: readonly Uint8Array[]): Holding {
  if (records === 0) return before;
  const hash = createHash('sha256').update(before.sha256);
  for (const part of parts) hash.update(part);
  return { records: before.records + records, bytes: before.bytes + bytes, sha256: hash.digest('hex') };
}

/** What the manifest says is there. */
export function manifestObjects(
  holdings: TopicHoldings,
  topic: string,
  deadLetterTopic: string | null,
): Manifest['objects'] {
  return [
    { role: 'rows', name: topic, ...holdings.rows },
    ...(deadLetterTopic === null || holdings.deadLetters.records === 0
      ? []
      : [{ role: 'deadLetters' as const, name: deadLetterTopic, ...holdings.deadLetters }]),
  ];
}
