import { readVarint, varint } from './varint.ts';

/** What every Avro object container file begins with. */
export const MAGIC = Uint8Array.of(0x4f, 0x62, 0x6a, 0x01);
export const SYNC_BYTES = 16;

/** The beginning of a container file (Avro 1.12, "Object Container Files"). */
export interface ContainerHeader {
  /** JSON. */
  readonly schema: string;
  /** How blocks are packed: null, deflate, snappy, zstandard … */
  readonly codec: string;
  /** Stands behind every block. */
  readonly sync: Uint8Array;
  /** Bytes of the header. */
  readonly length: number;
}

export function encodeHeader({ schema, codec, sync }: Omit<ContainerHeader, 'length'>): Uint8Array {
  const entries = [
    ['avro.codec', codec],
    ['avro.schema', schema],
  ] as const;
  const parts = entries.flatMap(([key, value]) => [...prefixed(Buffer.from(key)), ...prefixed(Buffer.from(value))]);
  return Buffer.concat([MAGIC, varint(entries.length), ...parts, varint(0), sync]);
}

function prefixed(bytes: Uint8Array): Uint8Array[] {
  return [varint(bytes.length), bytes];
}

/** The header at the start of the bytes; null when more of them are needed, a text when it is none. */
export function decodeHeader(bytes: Buffer): ContainerHeader | string | null {
  try {
    return headerIn(bytes);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

function headerIn(bytes: Buffer): ContainerHeader | string | null {
  if (!MAGIC.every((byte, i) => byte === (bytes[i] ?? byte))) return 'it does not begin as an Avro container file does';
  const meta = new Map<string, string>();
  let at: number = MAGIC.length;
  const text = (): string | null => {
    const length = readVarint(bytes, at);
    if (length === null || length.end + length.value > bytes.length) return null;
    // Going back would have no end.
    if (length.value < 0) throw new RangeError('its header has a length below zero');
    at = length.end + length.value;
    return bytes.toString('utf8', length.end, at);
  };
  for (;;) {
    const count = readVarint(bytes, at);
    if (count === null) return null;
    at = count.end;
    if (count.value === 0) break;
    if (count.value < 0) {
      const size = readVarint(bytes, at);
      if (size === null) return null;
      at = size.end;
    }
    for (let i = 0; i < Math.abs(count.value); i += 1) {
      const key = text();
      const value = key === null ? null : text();
      if (key === null || value === null) return null;
      meta.set(key, value);
    }
  }
  if (at + SYNC_BYTES > bytes.length) return null;
  const schema = meta.get('avro.schema');
  if (schema === undefined) return 'its header has no avro.schema';
  const sync = Uint8Array.from(bytes.subarray(at, at + SYNC_BYTES));
  return { schema, codec: meta.get('avro.codec') ?? 'null', sync, length: at + SYNC_BYTES };
}
