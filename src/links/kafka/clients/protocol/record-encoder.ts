import type { ProducerRecord } from '../../client.ts';
import type { BatchCodec } from './batch-codec.ts';

/** Who writes a batch, and as which one: what a broker knows a repeated batch by. */
export interface BatchIdentity {
  readonly producerId: bigint;
  readonly epoch: number;
  /** The number of the first record among those of this producer in this partition. */
  readonly sequence: number;
}

const headerBytes = 61;
const transactionalBit = 0x10;

/**
 * Writes a record batch, format 2 (https://kafka.apache.org/documentation/#recordbatch). The bytes are kept until they are
 * acknowledged and sent again as they are, so that a retry can never be another batch.
 */
export async function encodeBatch(
  records: readonly ProducerRecord[],
  identity: BatchIdentity,
  options: { readonly codec: BatchCodec; readonly transactional: boolean; readonly wall: number },
): Promise<Buffer> {
  const first = records[0]?.timestamp ?? options.wall;
  const { codec } = options;
  const plain = encodeRecords(records, first, options.wall);
  const body =
    codec.compress === null ? plain.subarray(headerBytes) : await codec.compress(plain.subarray(headerBytes));
  // Without compression the header goes in front of the records, where room was left for it.
  const batch = codec.compress === null ? plain : Buffer.concat([plain.subarray(0, headerBytes), body]);
  let newest = first;
  for (const record of records) newest = Math.max(newest, record.timestamp ?? options.wall);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(codec.id | (options.transactional ? transactionalBit : 0), 21);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(first), 27);
  batch.writeBigInt64BE(BigInt(newest), 35);
  batch.writeBigInt64BE(identity.producerId, 43);
  batch.writeInt16BE(identity.epoch, 51);
  batch.writeInt32BE(identity.sequence, 53);
  batch.writeInt32BE(records.length, 57);
  batch.writeUInt32BE(codec.crc32c(batch.subarray(21)), 17);
  return batch;
}

/** The bytes that a record takes, about. */
export function recordBytes(record: ProducerRecord): number {
  let bytes = 24 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers) bytes += 8 + header.name.length + header.value.length;
  return bytes;
}

function encodeRecords(records: readonly ProducerRecord[], first: number, wall: number): Buffer {
  // A length stands before its record, as a varint: sizes are taken first.
  const sizes = new Int32Array(records.length);
  let total = headerBytes;
  records.forEach((record, index) => {
    const size = sizeOf(record, (record.timestamp ?? wall) - first, index);
    sizes[index] = size;
    total += varintSize(size) + size;
  });
  const to = Buffer.allocUnsafe(total);
  let at = headerBytes;
  records.forEach((record, index) => {
    at = writeVarint(to, at, sizes[index] ?? 0);
    to[at] = 0;
    at = writeVarint(to, at + 1, (record.timestamp ?? wall) - first);
    at = writeVarint(to, at, index);
    at = writeBytes(to, at, record.key);
    at = writeBytes(to, at, record.value);
    at = writeVarint(to, at, record.headers.length);
    for (const header of record.headers) {
      at = writeVarint(to, at, Buffer.byteLength(header.name));
      at += to.write(header.name, at);
      at = writeBytes(to, at, header.value);
    }
  });
  return to;
}

function sizeOf(record: ProducerRecord, age: number, index: number): number {
  let size = 1 + varintSize(age) + varintSize(index) + bytesSize(record.key) + bytesSize(record.value);
  size += varintSize(record.headers.length);
  for (const header of record.headers) {
    const name = Buffer.byteLength(header.name);
    size += varintSize(name) + name + bytesSize(header.value);
  }
  return size;
}

function bytesSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length;
}

function writeBytes(to: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(to, at, -1);
  const start = writeVarint(to, at, bytes.length);
  to.set(bytes, start);
  return start + bytes.length;
}

/** Zigzag, in a number: exact up to 2^52, where timestamps are. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function varintSize(value: number): number {
  let size = 1;
  for (let left = zigzag(value); left >= 128; left = Math.floor(left / 128)) size += 1;
  return size;
}

function writeVarint(to: Buffer, at: number, value: number): number {
  let left = zigzag(value);
  let end = at;
  while (left >= 128) {
    to[end] = (left % 128) + 128;
    left = Math.floor(left / 128);
    end += 1;
  }
  to[end] = left;
  return end + 1;
}
