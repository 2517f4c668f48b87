import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeRecords } from '../../../../src/core/canonical-csv.ts';
import type { Envelope } from '../../../../src/core/envelope.ts';
import { RowBatch } from '../../../../src/core/row-batch.ts';
import { schemaOf } from '../../../../src/core/schema.ts';
import type { ScoredBatch } from '../../../../src/core/scored-batch.ts';
import type { ProducerRecord } from '../../../../src/links/kafka/client.ts';
import { type Block, BlockReader, encodeBlock } from '../../../../src/links/kafka/job/block.ts';
import { decodeLengths, encodeLengths } from '../../../../src/links/kafka/job/record-lengths.ts';
import { rowsForm } from '../../../../src/links/kafka/job/rows-block.ts';
import { scoredForm } from '../../../../src/links/kafka/job/scored-block.ts';

const PART_BYTES = 512 * 1024;

/** Rows of a few sizes, some as large as a record or two. */
const cell = fc.oneof(
  { weight: 12, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: PART_BYTES - 40, max: 2 * PART_BYTES + 40 }).map((size) => 'x'.repeat(size)),
  },
);
const table = fc.array(cell, { maxLength: 12 });

/** What monitoring adds to a batch: so many IDs that they are more than a line, and statistics. */
function monitored(some: readonly string[]): Pick<ScoredBatch, 'statistics' | 'associations'> {
  const ids = some.flatMap((id) => Array.from({ length: 400 }, () => id));
  const count = { count: 2, values: [[7, 'a', 2] as const] };
  const column = { name: 'x', missing: 1, numbers: null, texts: count, bins: [1, 2] };
  return {
    statistics: { rows: 3, sampled: 2, refusals: count, features: [column], predictions: [] },
    associations: {
      ids,
      rows: ids.map((_, row) => row),
      predictions: ids.map(() => 'yes'),
      positiveClass: 'yes',
      probabilities: ids.map(() => 0.5),
    },
  };
}
const letterText = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100_000, max: 300_000 }).map((size) => 'é'.repeat(size)) },
);

function blockOf(sequence: number, cells: readonly string[], letters: readonly string[] = []): Block {
  const rows = encodeRecords(cells.map((text) => [text]));
  return { facts: { kind: 'rows', sequence, read: sequence * 10 }, schema: schemaOf(['text']), ...rows, letters };
}

/** As a broker gives them back. */
function envelopes(records: readonly ProducerRecord[], from = 0): readonly Envelope[] {
  return records.map(({ key, value, headers }, index) => ({
    topic: 'sluice.job.rows',
    partition: 0,
    offset: from + index,
    timestamp: 0,
    key,
    value,
    headers,
  }));
}

function readAll(messages: readonly Envelope[]): readonly Block[] {
  const reader = new BlockReader();
  return messages.flatMap((message) => reader.read(message) ?? []);
}

/** What a block is, in plain values. */
function plain({ facts, schema, bytes, ends, letters }: Block): object {
  const { kind, sequence, read } = facts;
  return { kind, sequence, read, schema, bytes: Buffer.from(bytes).toString('base64'), ends: [...ends], letters };
}

describe('a block of rows in records', () => {
  test('comes out as it went in, whatever its size', () => {
    const letters = fc.array(
      letterText.map((text) => JSON.stringify(text)),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(table, letters, (cells, lines) => {
        const block = blockOf(7, cells, lines);
        const records = encodeBlock(block);
        expect(readAll(envelopes(records)).map(plain)).toEqual([plain(block)]);
        for (const { value } of records) expect(value!.length).toBeLessThanOrEqual(4 * PART_BYTES);
      }),
      { numRuns: 100 },
    );
  });

  test('fits the records that brokers take by default, as long as no single line does not', () => {
    fc.assert(
      fc.property(table, (cells) => {
        for (const { value, headers } of encodeBlock(blockOf(0, cells))) {
          const header = headers.reduce((sum, each) => sum + each.name.length + (each.value?.length ?? 0), 0);
          expect(value!.length + header).toBeLessThan(1_000_000);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('is whole or nothing: what a writer left when he died within a block is dropped, and the next one is read', () => {
    fc.assert(
      fc.property(table, fc.nat(), fc.boolean(), (cells, cut, same) => {
        const large = ['y'.repeat(3 * PART_BYTES), ...cells];
        const records = encodeBlock(blockOf(3, large));
        const left = records.slice(0, cut % records.length);
        const next = blockOf(same ? 3 : 4, same ? large : cells);
        const read = readAll(envelopes([...left, ...encodeBlock(next)]));
        expect(read.map(plain)).toEqual([plain(next)]);
      }),
      { numRuns: 60 },
    );
  });

  test('from other writers is refused with its place, whatever they wrote', () => {
    const strange = (record: Partial<ProducerRecord>): (() => unknown) => {
      const message = envelopes([{ key: null, value: Buffer.from('a\n'), headers: [], ...record }], 41)[0]!;
      return () => new BlockReader().read(message);
    };
    const header = (value: string, name = 'sluice') => ({ headers: [{ name, value: Buffer.from(value) }] });
    const place = /sluice\.job\.rows\/0, offset 41/;
    for (const record of [{}, header('{'), header('{"v":2,"kind":"rows"}'), header('{"v":1}', 'other')])
      expect(strange(record)).toThrow(place);
    const [cut] = encodeBlock(blockOf(0, ['abc']));
    const lengths = (value: Uint8Array) => ({
      value: cut!.value,
      headers: cut!.headers.map((each) => (each.name === 'lengths' ? { ...each, value } : each)),
    });
    expect(strange(lengths(Uint8Array.of(200)))).toThrow(/lengths. is cut/);
    expect(strange(lengths(Uint8Array.of(100)))).toThrow(/longer than its value/);
  });
});

describe('the lengths of records', () => {
  test('are one byte for rows under 128 bytes, and come out as they went in', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3_000_000), { maxLength: 50 }), fc.nat(1_000_000), (lengths, from) => {
        let end = from;
        const ends = Uint32Array.from(lengths, (length) => (end += length));
        const bytes = encodeLengths(ends, from);
        expect([...decodeLengths(bytes, from)!]).toEqual([...ends]);
        expect(bytes.length).toBeLessThanOrEqual(lengths.reduce((sum, each) => sum + (each < 128 ? 1 : 4), 0));
        if (bytes.length > 0) expect(decodeLengths(bytes.with(bytes.length - 1, 128), from)).toBeNull();
      }),
    );
  });
});

describe('what travels in blocks', () => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  const rejected = fc.array(fc.record({ line: fc.nat(), reason: fc.string({ unit: 'binary' }), bytes }), {
    maxLength: 3,
  });

  test('rows of the intake, with their lines and rejected records', () => {
    const lines = fc.option(fc.nat(1_000), { nil: undefined });
    fc.assert(
      fc.property(table, rejected, lines, fc.boolean(), fc.nat(), (cells, bad, first, gaps, sequence) => {
        const schema = schemaOf(['text']);
        const { bytes: csv, ends } = encodeRecords(cells.map((text) => [text]));
        const numbers =
          first === undefined ? undefined : Float64Array.from(cells, (_, i) => first + i * (gaps ? 3 : 1));
        const origin = { split: 'a.csv', firstRow: 4, lines: numbers, after: [1, 'x'], position: 9, rejected: bad };
        const batch = RowBatch.fromCsv(schema, origin, csv, ends);
        const [block] = readAll(envelopes(encodeBlock(rowsForm.encode(sequence, batch, 33))));
        const record = rowsForm.decode(block!);
        if (record.kind === 'end') throw new Error('an end');
        expect(record).toMatchObject({ sequence, read: 33 });
        const { value } = record;
        expect(Buffer.from(value.bytes).equals(csv)).toBe(true);
        expect([...value.ends]).toEqual([...ends]);
        expect(value.schema).toEqual(schema);
        const { split, firstRow, after, position } = value.origin;
        expect({ split, firstRow, after, position }).toEqual({
          split: 'a.csv',
          firstRow: 4,
          after: [1, 'x'],
          position: 9,
        });
        expect(value.origin.lines).toEqual(cells.length === 0 ? undefined : numbers);
        expect(value.origin.rejected.map((each) => ({ ...each, bytes: [...each.bytes] }))).toEqual(
          bad.map((each) => ({ ...each, bytes: [...each.bytes] })),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('scored rows, with all that becomes durable with them', () => {
    const letter = fc.record({
      kind: fc.constantFrom('failed', 'skipped'),
      row: fc.option(fc.nat()),
      bytes,
      reason: fc.string(),
    });
    fc.assert(
      fc.property(
        table,
        fc.array(letter, { maxLength: 3 }),
        fc.boolean(),
        fc.nat(),
        fc.option(fc.array(fc.string({ maxLength: 128 }), { maxLength: 3 })),
        (cells, letters, known, sequence, ids) => {
          const batch: ScoredBatch = {
            sequence,
            through: { split: 's', after: { byte: 5 } },
            intake: schemaOf(['a', 'b']),
            output: { schema: known ? schemaOf(['text']) : null, ...encodeRecords(cells.map((text) => [text])) },
            tally: { read: 3, scored: 2, failed: 1, skipped: 0 },
            deadLetters: letters.map((each) => ({
              ...each,
              split: 's',
              line: 3,
              attempts: 2,
            })),
            intakeBytes: 12,
            badBytes: 3,
            model: known ? { id: 'm' } : null,
            ...(ids === null ? {} : monitored(ids)),
          };
          const [block] = readAll(envelopes(encodeBlock(scoredForm.encode(sequence, batch, 0))));
          const record = scoredForm.decode(block!);
          if (record.kind === 'end') throw new Error('an end');
          const texts = (from: ScoredBatch): object => ({
            ...from,
            output: {
              schema: from.output.schema,
              csv: Buffer.from(from.output.bytes).toString('base64'),
              ends: [...from.output.ends],
            },
            deadLetters: from.deadLetters.map((each) => ({ ...each, bytes: [...each.bytes] })),
          });
          expect(texts(record.value)).toEqual(texts(batch));
        },
      ),
      { numRuns: 60 },
    );
  });
});
