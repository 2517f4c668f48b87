import { decodeKeptRecord, encodeRecords } from '../../../core/canonical-csv.ts';
import type { MessageReader, MessageRows, ReadMessages, UnreadableMessage } from '../../../core/message-format.ts';
import { REJECTED_BYTES } from '../../../core/row-batch.ts';
import type { Column } from '../../../core/schema.ts';
import { asReplayed, type ReplayedEnvelope } from './replayed-letters.ts';

/**
 * Reads the rows of dead letters: what came in a message as the intake was read, by `inner`; what came in none as the canonical record of
 * its columns.
 * @param inner null where the intake has no messages.
 */
export function createLetterReader(inner: MessageReader | null): MessageReader {
  return {
    read: async (messages, signal) => {
      const runs: MessageRows[] = [];
      const unreadable: UnreadableMessage[] = [];
      for (let at = 0; at < messages.length; ) {
        const some = alike(messages.slice(at).map(asReplayed));
        const [{ first, columns }] = some;
        const read = first === null || inner === null ? recordsOf(some, columns) : await inner.read(some, signal);
        for (const run of read.runs) runs.push({ ...run, messages: run.messages.map((message) => message + at) });
        for (const { message, reason } of read.unreadable) unreadable.push({ message: message + at, reason });
        at += some.length;
      }
      return { runs, unreadable };
    },
  };
}

/** The first letters that are read by the same means. */
function alike(letters: readonly ReplayedEnvelope[]): readonly [ReplayedEnvelope, ...ReplayedEnvelope[]] {
  const [head, ...rest] = letters as [ReplayedEnvelope, ...ReplayedEnvelope[]];
  const end = rest.findIndex(
    ({ first, columns }) => (first === null) !== (head.first === null) || columns !== head.columns,
  );
  return [head, ...(end < 0 ? rest : rest.slice(0, end))];
}

function recordsOf(letters: readonly ReplayedEnvelope[], json: string | null): ReadMessages {
  const columns = json === null ? [] : (JSON.parse(json) as readonly Column[]);
  const records: (string | null)[][] = [];
  const messages: number[] = [];
  const unreadable: UnreadableMessage[] = [];
  for (const [message, { letter }] of letters.entries()) {
    const { bytes, kind, reason } = letter;
    // What was no row, or is not kept whole, is not tried: its cause is the one that it had.
    const isTried = kind !== 'skipped' && bytes.length < REJECTED_BYTES;
    const record = isTried ? decodeKeptRecord(bytes) : null;
    if (record?.length === columns.length) {
      records.push(record);
      messages.push(message);
    } else unreadable.push({ message, reason: isTried ? notOf(columns, record) : reason });
  }
  if (records.length === 0) return { runs: [], unreadable };
  const { bytes, ends } = encodeRecords(records);
  return { runs: [{ schema: { columns }, bytes, ends, messages: Uint32Array.from(messages) }], unreadable };
}

function notOf({ length }: readonly Column[], record: readonly unknown[] | null): string {
  return record === null
    ? 'the row is no record of CSV: a quote is open, or text follows one'
    : `the row has ${record.length} fields where its columns are ${length}`;
}
