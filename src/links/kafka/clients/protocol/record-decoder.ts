import type { Envelope, MessageHeader } from '../../../../core/envelope.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { TopicPartition } from '../../client.ts';
import type { AbortedTransaction, ConsumerWire } from './consumer-wire.ts';
import { VarintCursor } from './varint-cursor.ts';

/** The records of one answer to a fetch. */
export interface DecodedRecords {
  readonly messages: readonly Envelope[];
  /** Where to go on: behind everything that was looked at, seen or not. */
  readonly next: number;
}

const headerBytes = 61;
const compressionBits = 0x07;
const appendTimeBit = 0x08;
const transactionalBit = 0x10;
const controlBit = 0x20;

/**
 * Reads record batches, format 2 (https://kafka.apache.org/documentation/#recordbatch), and leaves out what is below `from`, control
 * records, and the records of aborted transactions. A last batch that is cut off is left for the next fetch.
 */
export async function decodeRecords(
  wire: Pick<ConsumerWire, 'decompress'>,
  bytes: Buffer,
  place: TopicPartition,
  from: number,
  aborted: readonly AbortedTransaction[],
): Promise<DecodedRecords> {
  const messages: Envelope[] = [];
  const coming = aborted.toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const abortedNow = new Set<bigint>();
  let next = from;
  for (let at = 0; bytes.length - at >= headerBytes; ) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end > bytes.length) break;
    const magic = bytes.readInt8(at + 16);
    if (magic !== 2)
      throw new SluiceError('KAFKA_FAULT', `Kafka: ${nameOf(place)} has records of the old format ${magic}`);
    const attributes = bytes.readInt16BE(at + 21);
    const first = bytes.readBigInt64BE(at);
    const last = first + BigInt(bytes.readInt32BE(at + 23));
    const producerId = bytes.readBigInt64BE(at + 43);
    while (coming[0] !== undefined && coming[0].firstOffset <= last) {
      abortedNow.add(coming[0].producerId);
      coming.shift();
    }
    const control = (attributes & controlBit) !== 0;
    if (control) {
      // The only record of a control batch marks the end of a transaction; the next one of this producer is another.
      if (isAbortMarker(bytes.subarray(at + headerBytes, end))) abortedNow.delete(producerId);
    } else if ((attributes & transactionalBit) === 0 || !abortedNow.has(producerId)) {
      const written = bytes.subarray(at + headerBytes, end);
      const codec = attributes & compressionBits;
      const body = codec === 0 ? written : await wire.decompress(codec, written);
      const appended = (attributes & appendTimeBit) === 0 ? null : Number(bytes.readBigInt64BE(at + 35));
      const base = { offset: Number(first), timestamp: Number(bytes.readBigInt64BE(at + 27)), appended };
      readRecords(body, bytes.readInt32BE(at + 57), base, place, from, messages);
    }
    next = Math.max(next, Number(last) + 1);
    at = end;
  }
  return { messages, next };
}

interface BatchBase {
  readonly offset: number;
  readonly timestamp: number;
  /** The broker's own time, where the topic says that it counts. */
  readonly appended: number | null;
}

function readRecords(
  body: Buffer,
  count: number,
  base: BatchBase,
  { topic, partition }: TopicPartition,
  from: number,
  messages: Envelope[],
): void {
  const cursor = new VarintCursor(body);
  for (let index = 0; index < count; index += 1) {
    const length = cursor.varint();
    const end = cursor.at + length;
    cursor.at += 1;
    const age = cursor.varint();
    const offset = base.offset + cursor.varint();
    if (offset >= from) {
      const timestamp = base.appended ?? base.timestamp + age;
      const key = cursor.bytes();
      const value = cursor.bytes();
      messages.push({ topic, partition, offset, timestamp, key, headers: readHeaders(cursor), value });
    }
    cursor.at = end;
  }
}

const noHeaders: readonly MessageHeader[] = [];

function readHeaders(cursor: VarintCursor): readonly MessageHeader[] {
  const count = cursor.varint();
  if (count === 0) return noHeaders;
  return Array.from({ length: count }, () => ({
    name: (cursor.bytes() ?? Buffer.alloc(0)).toString(),
    value: cursor.bytes() ?? Buffer.alloc(0),
  }));
}

/** The key of a control record: a version and a type, of which 0 is abort. Compaction may leave a batch that has no record. */
function isAbortMarker(body: Buffer): boolean {
  if (body.length === 0) return false;
  const cursor = new VarintCursor(body);
  cursor.varint();
  cursor.at += 1;
  cursor.varint();
  cursor.varint();
  const key = cursor.bytes();
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0;
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `partition ${partition} of topic ${topic}`;
}
