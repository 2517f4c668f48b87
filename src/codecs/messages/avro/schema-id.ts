import type { Envelope, MessageHeader } from '../../../core/envelope.ts';
import { SCHEMA_ID_HEADER } from '../../../core/message-format.ts';

/**
 * How Confluent's serializers name a schema. Before the data: a byte 0 and the ID in four bytes, big-endian. In the header
 * `__value_schema_id`: the same, or a byte 1 and a GUID in 16 bytes; the value then is nothing but data.
 */
const BY_ID = 0;
const BY_GUID = 1;
const ID_BYTES = 5;
const GUID_BYTES = 17;

/** The ID or GUID of the schema of a message, and where its data begins; or a reason. A header goes before what the value says. */
export function schemaIdOf({ headers, value }: Envelope): SchemaIdPlace | { readonly fault: string } {
  if (value === null) return { fault: 'The value is null (a tombstone), which is no row.' };
  for (let i = headers.length - 1; i >= 0; i -= 1) {
    const header = headers[i]!;
    if (header.name !== SCHEMA_ID_HEADER) continue;
    const id = idAt(header.value);
    return id === null
      ? { fault: `The header ${SCHEMA_ID_HEADER} holds neither an ID nor a GUID.` }
      : { id, dataAt: 0 };
  }
  const id = value[0] === BY_ID ? idAt(value) : null;
  if (id !== null) return { id, dataAt: ID_BYTES };
  if (value.length === 0) return { fault: 'The value is empty.' };
  if (value[0] === BY_ID) return { fault: `The value ends at byte ${value.length}, within the ID of its schema.` };
  return {
    fault: `The value begins with the byte ${value[0]}, and not with the 0 that stands before the ID of a schema.`,
  };
}

/** Where a message's schema is known by. */
export interface SchemaIdPlace {
  readonly id: number | string;
  readonly dataAt: number;
}

/** What stands before the data of a schema of this ID. */
export function idPrefix(id: number): Buffer {
  const bytes = Buffer.alloc(ID_BYTES);
  bytes.writeUInt32BE(id, 1);
  return bytes;
}

/** The header for a schema: by its GUID, where the registry has given one. */
export function idHeader(id: number, guid: string | null): MessageHeader {
  if (guid === null) return { name: SCHEMA_ID_HEADER, value: idPrefix(id) };
  return {
    name: SCHEMA_ID_HEADER,
    value: Buffer.concat([Buffer.of(BY_GUID), Buffer.from(guid.replaceAll('-', ''), 'hex')]),
  };
}

function idAt(bytes: Uint8Array): number | string | null {
  if (bytes[0] === BY_ID && bytes.length >= ID_BYTES) {
    return bytes[1]! * 2 ** 24 + ((bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!);
  }
  if (bytes[0] !== BY_GUID || bytes.length < GUID_BYTES) return null;
  const hex = Buffer.from(bytes.subarray(1, GUID_BYTES)).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
