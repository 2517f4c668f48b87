import { decodeRecord, encodeRecords } from '../core/canonical-csv.ts';
import type { JobIdentity } from '../core/ledger.ts';
import { type Schema, schemaOf } from '../core/schema.ts';
import { addTally, type DeadLetter, EMPTY_TALLY, type ScoredBatch, type Tally } from '../core/scored-batch.ts';
import type { ManifestFacts } from '../core/sink.ts';
import type { PublishedLetter } from './published-output.ts';

/** What a plan is made of; a process that is to write the same batches needs no more. */
export interface SinkPlanSize {
  readonly batches: number;
  readonly rowsPerBatch: number;
  /** Bytes of padding in each row. */
  readonly padding: number;
  /** What the column `note` holds in turn; left out: text that is awkward anywhere. */
  readonly values?: readonly (string | null)[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Values that a sink must bring through unchanged. */
const AWKWARD = [null, '', 'a, b', 'say "no"', 'two\nlines', 'naïve ☂ 漢字', '007', ' spaced '] as const;

/** A job's worth of scored batches, the same on every call: awkward text, failed rows, a batch without rows. */
export class SinkPlan {
  readonly size: SinkPlanSize;
  readonly schema: Schema = schemaOf(['delay_PREDICTION', 'note', 'id', 'padding']);
  readonly job: JobIdentity = { intake: [{ object: 'planned', bytes: 1 }], deployment: 'planned', model: { id: 'm' } };

  readonly #batches: ScoredBatch[] = [];
  #records: readonly (readonly (string | null)[])[] | undefined;

  constructor(size: SinkPlanSize) {
    this.size = size;
  }

  batch(sequence: number): ScoredBatch {
    // The checks ask for the same batches again and again, and large ones take longer to make than to write.
    this.#batches[sequence] ??= this.#made(sequence);
    return this.#batches[sequence];
  }

  #made(sequence: number): ScoredBatch {
    const { rowsPerBatch, padding, values = AWKWARD } = this.size;
    // The second batch has no row: its only record was skipped.
    const rows = sequence === 1 ? 0 : rowsPerBatch;
    const records = Array.from({ length: rows }, (_, i) => {
      const id = sequence * rowsPerBatch + i;
      const filler = `${id} lorem ipsum `.repeat(Math.ceil(padding / 8)).slice(0, padding);
      return [failed(id) ? null : id / 8, values[id % values.length] ?? null, String(id), filler];
    });
    const { bytes, ends } = encodeRecords(records);
    const deadLetters = this.#letters(sequence, rows);
    const count = (kind: DeadLetter['kind']): number => deadLetters.filter((letter) => letter.kind === kind).length;
    const tally: Tally = {
      read: rows + count('skipped'),
      scored: rows - count('failed'),
      failed: count('failed'),
      skipped: count('skipped'),
    };
    return {
      sequence,
      through: { split: 'planned', after: { row: (sequence + 1) * rowsPerBatch } },
      intake: this.schema,
      output: { schema: this.schema, bytes, ends },
      tally,
      deadLetters,
      intakeBytes: 100 + sequence,
      badBytes: 10 * deadLetters.length,
      model: { id: 'm', version: '1' },
    };
  }

  /** The records that must stand in the output, in their order. */
  records(): readonly (readonly (string | null)[])[] {
    this.#records ??= this.#all().flatMap(({ output: { bytes, ends } }) =>
      Array.from(ends, (end, i) => decodeRecord(bytes, i === 0 ? 0 : ends[i - 1]!, end)),
    );
    return this.#records;
  }

  deadLetters(): PublishedLetter[] {
    let before = 0;
    return this.#all().flatMap(({ deadLetters, output: { ends } }) => {
      const first = before;
      before += ends.length;
      return deadLetters.map(({ index, bytes, ...letter }) => ({
        ...letter,
        bytes: decoder.decode(bytes),
        output: index === undefined ? null : first + index,
      }));
    });
  }

  /** What the engine would say at the end; the time of it is fixed, so that manifests can be compared whole. */
  facts(): ManifestFacts {
    return {
      version: 1,
      job: this.job,
      tally: this.#all().reduce((sum, { tally }) => addTally(sum, tally), EMPTY_TALLY),
      model: { id: 'm', version: '1' },
      intakeBytes: this.#all().reduce((sum, { intakeBytes }) => sum + intakeBytes, 0),
      finished: '2001-02-03T04:05:06.000Z',
    };
  }

  #all(): ScoredBatch[] {
    return Array.from({ length: this.size.batches }, (_, sequence) => this.batch(sequence));
  }

  #letters(sequence: number, rows: number): DeadLetter[] {
    const first = sequence * this.size.rowsPerBatch;
    const ids = Array.from({ length: rows }, (_, i) => first + i).filter(failed);
    const letters: DeadLetter[] = ids.map((id) => ({
      kind: 'failed',
      split: 'planned',
      row: id,
      line: id + 2,
      reason: `row ${id}: "delay" is not a number`,
      attempts: 3,
      index: id - first,
      bytes: encoder.encode(`"naïve, ${id}",x`),
    }));
    if (rows > 0) return letters;
    const text = encoder.encode('too,many,fields');
    return [{ kind: 'skipped', split: 'planned', row: null, line: 9, reason: '3 fields', attempts: 0, bytes: text }];
  }
}

function failed(id: number): boolean {
  return id % 13 === 5;
}
