import type { Envelope } from '../../../core/envelope.ts';
import { SluiceError } from '../../../core/error.ts';
import type { Ledger, Manifest } from '../../../core/ledger.ts';
import type { ProducerRecord } from '../client.ts';

/** Output rows and dead letters that are durable before their batch is; counted, as a batch may be cut otherwise when it comes again. */
export interface SinkAhead {
  readonly rows: number;
  readonly letters: number;
}

export const NONE_AHEAD: SinkAhead = { rows: 0, letters: 0 };

/** What a topic holds of one output, as a record of the ledger topic; the job's identity is in the record's key, as a digest. */
export interface SinkLedger {
  readonly version: 1;
  /** Counts the records that were written for this output, from 1. */
  readonly revision: number;
  /** How it was written; the two ways must not be mixed. */
  readonly exactlyOnce: boolean;
  /** Null: nothing counts, the output begins anew. */
  readonly ledger: Omit<Ledger, 'job'> | null;
  /** What is there behind `ledger` already: the beginning of a batch too large for one request. */
  readonly ahead: SinkAhead;
  /** Set when the output is finished. */
  readonly manifest: Omit<Manifest, 'job'> | null;
}

export function encodeSinkLedger(id: string, ledger: SinkLedger): ProducerRecord {
  return { key: Buffer.from(id), value: Buffer.from(JSON.stringify(ledger)), headers: [] };
}

/** Reads what `encodeSinkLedger` wrote; LEDGER_BROKEN for anything else. */
export function decodeSinkLedger({ value, topic, partition, offset }: Envelope): SinkLedger {
  try {
    const found = JSON.parse(new TextDecoder().decode(value ?? new Uint8Array(0))) as SinkLedger;
    if (found.version === 1 && Number.isSafeInteger(found.revision) && typeof found.exactlyOnce === 'boolean')
      return found;
  } catch {
    // Said below.
  }
  throw new SluiceError(
    'LEDGER_BROKEN',
    `the record at offset ${offset} of ${topic}/${partition} is no ledger: something else writes to that topic`,
  );
}
