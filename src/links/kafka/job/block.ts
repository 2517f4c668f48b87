import type { Envelope, MessageHeader } from '../../../core/envelope.ts';
import { SluiceError } from '../../../core/error.ts';
import type { Json } from '../../../core/json.ts';
import type { Column, Schema } from '../../../core/schema.ts';
import type { ProducerRecord } from '../client.ts';
import { decodeLengths, encodeLengths } from './record-lengths.ts';

/** What a block says of itself; the header `sluice` of its last record. */
interface BlockFacts {
  readonly kind: 'rows' | 'scored' | 'end';
  readonly sequence: number;
  readonly [fact: string]: Json;
}

/**
 * Which beginning of its job a record is from. A job that begins anew has topics of the same names, into which a process of the
 * earlier beginning that was stopped may write once more when it goes on: such records are not there for a reader of another epoch.
 */
export type BlockEpoch = string | undefined;

/** A batch as it travels through a topic of a job's own. */
export interface Block {
  readonly facts: BlockFacts;
  /** The columns of the rows; null where they are not known, and in an end marker. */
  readonly schema: Schema | null;
  /** Canonical CSV. */
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  /** Lines of text that belong to the batch: rejected records, dead letters. Usually none. */
  readonly letters: readonly string[];
}

/** Bytes of one record's value. Below the 1 MiB that brokers take by default, with room for headers; large enough to be cheap. */
const PART_BYTES = 512 * 1024;

const NAMES = { facts: 'sluice', columns: 'columns', lengths: 'lengths' } as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const columnTexts = new WeakMap<Schema, Uint8Array>();

/**
 * A block as records of one partition, to be written in order. Usually one: its value is the rows as CSV (RFC 4180, UTF-8, no
 * header line), its headers are
 *
 * - `sluice`: JSON with `v`, `kind`, `sequence`, `epoch`, the facts of the kind, and `part` of `parts`;
 * - `columns`: JSON, `[{"name": …, "type": …}, …]`;
 * - `lengths`: the bytes of each row, as varints (`encodeLengths`).
 *
 * A larger block is several records in a row: first those with `"content":"letters"` (lines of JSON), then those with rows, cut
 * at the ends of rows, a row larger than a part anywhere. Readers take a block when they have seen its parts 0 to `parts - 1` in order.
 */
export function encodeBlock(block: Block, epoch?: BlockEpoch): readonly ProducerRecord[] {
  const letters = textParts(block.letters);
  const cuts = rowCuts(block);
  const parts = letters.length + cuts.length;
  const { kind, sequence } = block.facts;
  const common = { v: 1, ...(epoch === undefined ? {} : { epoch }) };
  const records: ProducerRecord[] = letters.map((text, part) =>
    record(encoder.encode(text), [
      [NAMES.facts, encodeJson({ ...common, kind, sequence, part, parts, content: 'letters' })],
    ]),
  );
  for (const [i, cut] of cuts.entries()) {
    const part = letters.length + i;
    const isLast = part === parts - 1;
    const headers: [string, Uint8Array][] = [
      [NAMES.facts, encodeJson({ ...common, ...(isLast ? block.facts : { kind, sequence }), part, parts })],
      [
        NAMES.lengths,
        encodeLengths(block.ends.subarray(cut.row, cut.rowEnd), cut.row === 0 ? 0 : block.ends[cut.row - 1]!),
      ],
    ];
    if (isLast && block.schema !== null) headers.push([NAMES.columns, columnsOf(block.schema)]);
    records.push(record(block.bytes.subarray(cut.start, cut.end), headers));
  }
  return records;
}

interface Cut {
  readonly start: number;
  readonly end: number;
  /** The rows that end within it. */
  readonly row: number;
  readonly rowEnd: number;
}

function rowCuts({ bytes, ends }: Block): readonly Cut[] {
  if (bytes.length <= PART_BYTES) return [{ start: 0, end: bytes.length, row: 0, rowEnd: ends.length }];
  const cuts: Cut[] = [];
  for (let start = 0, row = 0; start < bytes.length; ) {
    let rowEnd = row;
    while (rowEnd < ends.length && ends[rowEnd]! - start <= PART_BYTES) rowEnd += 1;
    const end = rowEnd > row ? ends[rowEnd - 1]! : Math.min(start + PART_BYTES, ends[row]!);
    cuts.push({ start, end, row, rowEnd });
    start = end;
    row = rowEnd;
  }
  return cuts;
}

function textParts(lines: readonly string[]): readonly string[] {
  const parts: string[] = [];
  for (const line of lines) {
    const last = parts.at(-1);
    // A unit of UTF-16 takes three bytes of UTF-8 at the most.
    if (last !== undefined && 3 * (last.length + line.length + 1) <= PART_BYTES)
      parts[parts.length - 1] = `${last}\n${line}`;
    else parts.push(line);
  }
  return parts;
}

function record(value: Uint8Array, headers: readonly (readonly [string, Uint8Array])[]): ProducerRecord {
  return { key: null, value, headers: headers.map(([name, bytes]): MessageHeader => ({ name, value: bytes })) };
}

function encodeJson(value: Json): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

function columnsOf(schema: Schema): Uint8Array {
  let text = columnTexts.get(schema);
  if (text === undefined) {
    text = encoder.encode(JSON.stringify(schema.columns));
    columnTexts.set(schema, text);
  }
  return text;
}

/**
 * Puts the records of one partition together to blocks again. A block whose writer died within it was begun anew by the next
 * one, so parts that do not follow each other are dropped.
 */
export class BlockReader {
  readonly #epoch: BlockEpoch;
  #parts: Uint8Array[] = [];
  #ends: Uint32Array[] = [];
  #letters: string[] = [];
  #length = 0;
  #next = 0;
  #sequence = -1;
  #columnsText = '';
  #schema: Schema | null = null;

  /** @param epoch of the records that are read; left out: of any. */
  constructor(epoch?: BlockEpoch) {
    this.#epoch = epoch;
  }

  /** The block that this record completes, or null. Throws KAFKA_FAULT for a record that is not of this form. */
  read(message: Envelope): Block | null {
    const facts = factsOf(message);
    const { part, parts, sequence } = facts;
    if (this.#epoch !== undefined && facts['epoch'] !== this.#epoch) return null;
    if (part === 0) this.#reset(sequence);
    if (part !== this.#next || sequence !== this.#sequence) {
      this.#reset(-1);
      return null;
    }
    this.#next += 1;
    const value = message.value ?? new Uint8Array(0);
    if (facts['content'] === 'letters') this.#letters.push(...decoder.decode(value).split('\n'));
    else this.#add(value, message);
    if (this.#next < parts) return null;
    const block: Block = {
      facts,
      schema: this.#schemaOf(message),
      bytes: this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts),
      ends: this.#ends.length === 1 ? this.#ends[0]! : joined(this.#ends),
      letters: this.#letters,
    };
    this.#reset(-1);
    return block;
  }

  #add(value: Uint8Array, message: Envelope): void {
    // A row that spans records counts its whole length where it ends.
    const last = this.#ends.findLast((ends) => ends.length > 0);
    const ends = decodeLengths(headerOf(message, NAMES.lengths) ?? new Uint8Array(0), last?.at(-1) ?? 0);
    if (ends === null) throw strange(message, 'its header `lengths` is cut');
    this.#parts.push(value);
    this.#ends.push(ends);
    this.#length += value.length;
    if ((ends.at(-1) ?? 0) > this.#length) throw strange(message, 'its rows are longer than its value');
  }

  #reset(sequence: number): void {
    this.#parts = [];
    this.#ends = [];
    this.#letters = [];
    this.#length = 0;
    this.#next = 0;
    this.#sequence = sequence;
  }

  /** One schema object for all blocks with the same columns. */
  #schemaOf(message: Envelope): Schema | null {
    const header = headerOf(message, NAMES.columns);
    if (header === null) return null;
    const text = decoder.decode(header);
    if (text !== this.#columnsText) {
      this.#schema = { columns: JSON.parse(text) as readonly Column[] };
      this.#columnsText = text;
    }
    return this.#schema;
  }
}

function factsOf(message: Envelope): BlockFacts & { readonly part: number; readonly parts: number } {
  const header = headerOf(message, NAMES.facts);
  if (header === null) throw strange(message, 'it has no header `sluice`');
  let facts: { readonly v?: number };
  try {
    facts = JSON.parse(decoder.decode(header)) as { readonly v?: number };
  } catch {
    throw strange(message, 'its header `sluice` is no JSON');
  }
  if (facts.v !== 1) throw strange(message, `it is of form ${facts.v}, this version of Sluice reads form 1`);
  return facts as BlockFacts & { readonly part: number; readonly parts: number };
}

function headerOf(message: Envelope, name: string): Uint8Array | null {
  return message.headers.find((header) => header.name === name)?.value ?? null;
}

function strange(message: Envelope, why: string): SluiceError {
  const { topic, partition, offset } = message;
  return new SluiceError(
    'KAFKA_FAULT',
    `the record at ${topic}/${partition}, offset ${offset}, is not one of Sluice's: ${why}; keep other writers off the topic`,
  );
}

function joined(all: readonly Uint32Array[]): Uint32Array {
  const ends = new Uint32Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const some of all) {
    ends.set(some, at);
    at += some.length;
  }
  return ends;
}
