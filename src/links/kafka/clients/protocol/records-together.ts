import type { PartitionRecords } from '../../client.ts';
import { recordBytes } from './record-encoder.ts';

/** Below the 1 MB that a broker takes by default, with room for our guess of a record's size. */
export const batchBytes = 700 * 1024;

/** Records of one partition, as few batches as the broker's limit allows. */
export function* together(parts: readonly PartitionRecords[]): Generator<PartitionRecords['records']> {
  let records: PartitionRecords['records'][number][] = [];
  let bytes = 0;
  for (const part of parts) {
    const size = part.records.reduce((sum, record) => sum + recordBytes(record), 0);
    if (records.length > 0 && bytes + size > batchBytes) {
      yield records;
      records = [];
      bytes = 0;
    }
    records = [...records, ...part.records];
    bytes += size;
  }
  if (records.length > 0) yield records;
}
