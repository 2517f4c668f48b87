import { decodeRecord } from '../../src/core/canonical-csv.ts';

/** The records of canonical CSV. */
export function recordsOf(bytes: Uint8Array): (string | null)[][] {
  const records: (string | null)[][] = [];
  let start = 0;
  let quoted = false;
  for (const [at, byte] of bytes.entries()) {
    if (byte === 0x22) quoted = !quoted;
    if (byte !== 0x0a || quoted) continue;
    records.push(decodeRecord(bytes, start, at + 1));
    start = at + 1;
  }
  return records;
}
