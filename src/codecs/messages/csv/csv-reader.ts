import { LF } from '../../../core/canonical-csv.ts';
import type { Envelope } from '../../../core/envelope.ts';
import { type Kernel, kernel as sharedKernel } from '../../../core/kernel/kernel.ts';
import type { MessageReader, MessageRows, ReadMessages } from '../../../core/message-format.ts';
import type { Schema } from '../../../core/schema.ts';
import { CanonicalTranscoder } from '../../csv/canonical-transcoder.ts';
import type { CsvDialect } from '../../csv/csv-dialect.ts';
import { type GatheredValues, gatherValues } from '../gathered-values.ts';
import { unreadableMessages } from '../unreadable.ts';
import { type RecordRules, recordFault } from './one-record.ts';

/** A run of plain records is worth a call of the kernel from about so many on. */
const SHORT_RUN = 16;
/** So many values are looked at one by one, at the most, before the kernel is tried again. */
const LONGEST_PAUSE = 1024;

/** Reads values that are one CSV record each, with a line end or without. Bytes are copied once, and only looked at. */
export class CsvMessageReader implements MessageReader {
  readonly #schema: Schema;
  readonly #dialect: CsvDialect;
  readonly #rules: RecordRules;
  readonly #kernel: Kernel | null;
  /** Values to look at here before the kernel is asked again, and how many it was the last time. */
  #pause = 0;
  #lastPause = 0;

  /** @param kernel null to do without it. */
  constructor(schema: Schema, dialect: CsvDialect, kernel: Kernel | null = sharedKernel) {
    this.#schema = schema;
    this.#dialect = dialect;
    this.#rules = {
      columns: schema.columns.length,
      delimiter: dialect.delimiter.byte,
      quote: dialect.quote.byte,
    };
    this.#kernel = kernel;
  }

  async read(messages: readonly Envelope[]): Promise<ReadMessages> {
    const values = gatherValues(messages, LF);
    this.#check(values);
    const { faults } = values;
    if (faults.size === messages.length) return { runs: [], unreadable: unreadableMessages(faults) };
    const sound = faults.size === 0 ? values : soundValues(values);
    const numbers = new Uint32Array(sound.ends.length);
    for (let i = 0, row = 0; row < numbers.length; i += 1) if (!faults.has(i)) numbers[row++] = i;
    const records = this.#dialect.canonical ? sound : this.#transcoded(sound);
    const run: MessageRows = {
      schema: this.#schema,
      bytes: records.bytes,
      ends: records.ends,
      messages: numbers,
    };
    return { runs: [run], unreadable: unreadableMessages(faults) };
  }

  /** Adds a fault for each value that is not one sound record. */
  #check({ bytes, ends, faults }: GatheredValues): void {
    for (let i = 0; i < ends.length; i += 1) {
      if (this.#pause === 0) {
        i = this.#passPlain(bytes, ends, i);
        if (i === ends.length) return;
      } else {
        this.#pause -= 1;
      }
      if (faults.has(i)) continue;
      const fault = recordFault(bytes, i === 0 ? 0 : ends[i - 1]!, ends[i]! - 1, this.#rules);
      if (fault !== null) faults.set(i, fault);
    }
  }

  /** The first value from `from` on that is not a plain record: its record ends where it does. */
  #passPlain(bytes: Uint8Array, ends: Uint32Array, from: number): number {
    const start = from === 0 ? 0 : ends[from - 1]!;
    const found = this.#kernel?.scan(bytes.subarray(start), {
      columns: this.#rules.columns,
      most: ends.length - from,
      longest: 2 ** 30,
      delimiter: this.#rules.delimiter,
      quote: this.#rules.quote,
    });
    let rows = 0;
    if (found) while (rows < found.length && found[rows]! + start === ends[from + rows]) rows += 1;
    const short = rows < SHORT_RUN && from + rows < ends.length;
    this.#lastPause = short ? Math.min(LONGEST_PAUSE, Math.max(1, 2 * this.#lastPause)) : 0;
    this.#pause = this.#lastPause;
    return from + rows;
  }

  #transcoded({ bytes, ends }: Pick<GatheredValues, 'bytes' | 'ends'>): Pick<MessageRows, 'bytes' | 'ends'> {
    const transcoder = new CanonicalTranscoder(this.#dialect);
    const written = new Uint32Array(ends.length);
    for (let i = 0; i < ends.length; i += 1) {
      transcoder.append(bytes, i === 0 ? 0 : ends[i - 1]!, ends[i]! - 1);
      written[i] = transcoder.size;
    }
    return { bytes: transcoder.take(), ends: written };
  }
}

/** The values without a fault, moved together. */
function soundValues({ bytes, ends, faults }: GatheredValues): Pick<GatheredValues, 'bytes' | 'ends'> {
  const kept = new Uint32Array(ends.length - faults.size);
  let write = 0;
  let row = 0;
  for (let i = 0; i < ends.length; i += 1) {
    if (faults.has(i)) continue;
    const start = i === 0 ? 0 : ends[i - 1]!;
    if (write !== start) bytes.copyWithin(write, start, ends[i]);
    write += ends[i]! - start;
    kept[row] = write;
    row += 1;
  }
  return { bytes: bytes.subarray(0, write), ends: kept };
}
