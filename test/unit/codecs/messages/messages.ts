import { decodeRecord } from '../../../../src/core/canonical-csv.ts';
import type { Envelope, MessageHeader } from '../../../../src/core/envelope.ts';
import type { MessageRows, WrittenMessage } from '../../../../src/core/message-format.ts';

/** Messages of these values; a string is its UTF-8. */
export function messagesOf(
  values: readonly (string | Uint8Array | null)[],
  headers: readonly MessageHeader[] = [],
): readonly Envelope[] {
  return values.map((value, offset) => ({
    topic: 'rows',
    partition: 0,
    offset,
    timestamp: 0,
    key: null,
    headers,
    value: typeof value === 'string' ? new TextEncoder().encode(value) : value,
  }));
}

/** Written messages as they would be read. */
export function sent(written: readonly WrittenMessage[]): readonly Envelope[] {
  return written.map(({ value, headers }, i) => ({ ...messagesOf([value])[0]!, offset: i, headers }));
}

/** The fields of each row of a run. */
export function fieldsOf({ bytes, ends }: MessageRows): (string | null)[][] {
  return Array.from(ends, (end, i) => decodeRecord(bytes, i === 0 ? 0 : ends[i - 1]!, end));
}

export const never = new AbortController().signal;
