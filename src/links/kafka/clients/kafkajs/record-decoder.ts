import { VarintCursor } from '../protocol/varint-cursor.ts';

/** What kafkajs knows of the batch that a record is in. */
interface BatchContext {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly maxTimestamp: string;
  readonly magicByte: number;
  readonly isControlBatch: boolean;
  /** 1: the broker's own time counts. */
  readonly timestampType: number;
}

/** A record as kafkajs gives it. */
export interface DecodedRecord {
  readonly magicByte: number;
  readonly attributes: number;
  readonly timestamp: string;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | null | readonly (Buffer | null)[]>>;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
}

/**
 * Reads a record (https://kafka.apache.org/documentation/#record) to the same object as kafkajs's own decoder, which adds offsets and
 * timestamps as BigInts: half the time of reading small records went there.
 */
export function decodeRecord({ buffer }: { readonly buffer: Buffer }, batch: BatchContext): DecodedRecord {
  const cursor = new VarintCursor(buffer);
  cursor.at = 1;
  const age = cursor.varint();
  const delta = cursor.varint();
  return {
    magicByte: batch.magicByte,
    attributes: buffer.readInt8(0),
    timestamp: batch.timestampType === 1 ? batch.maxTimestamp : sum(batch.firstTimestamp, age),
    offset: sum(batch.firstOffset, delta),
    key: cursor.bytes(),
    value: cursor.bytes(),
    headers: headersOf(cursor),
    isControlRecord: batch.isControlBatch,
    batchContext: batch,
  };
}

function sum(base: string, delta: number): string {
  const whole = Number(base) + delta;
  return Number.isSafeInteger(whole) ? String(whole) : String(BigInt(base) + BigInt(delta));
}

function headersOf(cursor: VarintCursor): DecodedRecord['headers'] {
  const headers: Record<string, Buffer | null | (Buffer | null)[]> = {};
  for (let left = cursor.varint(); left > 0; left -= 1) {
    const name = (cursor.bytes() ?? Buffer.alloc(0)).toString();
    const value = cursor.bytes();
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else headers[name] = [before, value];
  }
  return headers;
}
