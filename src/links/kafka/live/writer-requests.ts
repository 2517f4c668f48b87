import type { PartitionRecords, ProducerRecord } from '../client.ts';

interface Part {
  readonly records: ProducerRecord[];
  bytes: number;
}

interface Target {
  readonly topic: string;
  readonly partition: number;
  /** In order; at least one. */
  readonly parts: Part[];
  bytes: number;
}

/** Length, offset and timestamp deltas and counts of a record in a batch: never more than this. */
const RECORD_OVERHEAD = 24;

/** What a record takes of a request, before compression; a little more than it really is. */
export function recordBytes(record: ProducerRecord): number {
  let bytes = RECORD_OVERHEAD + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const { name, value } of record.headers) bytes += 8 + 3 * name.length + value.length;
  return bytes;
}

/** Records on their way to partitions, with the bytes of each, so that each part, which is sent in one request, stays below a broker's limit. */
export class WriterRequests {
  readonly #targets: Target[] = [];
  /** The same by topic and partition. They are looked up for every record: no text is made for it. */
  readonly #places = new Map<string, Map<number, Target>>();
  #bytes = 0;

  /** Bytes of all records. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether `bytes` more for a partition stay within `limit`. A partition that has nothing yet takes a record of any size. */
  fits(topic: string, partition: number, bytes: number, limit: number): boolean {
    const target = this.#places.get(topic)?.get(partition);
    return target === undefined || target.bytes + bytes <= limit;
  }

  add(topic: string, partition: number, record: ProducerRecord, bytes: number): void {
    const target = this.#target(topic, partition);
    const part = target.parts.at(-1)!;
    part.records.push(record);
    part.bytes += bytes;
    target.bytes += bytes;
    this.#bytes += bytes;
  }

  /** Whether all of `other` can be added without a partition getting more than `limit`. */
  takes(other: WriterRequests, limit: number): boolean {
    for (const { topic, partition, bytes } of other.#targets) {
      if (!this.fits(topic, partition, bytes, limit)) return false;
    }
    return true;
  }

  /** @param limit bytes above which a part is not grown, but another one begun. */
  addAll(other: WriterRequests, limit: number): void {
    for (const { topic, partition, parts, bytes } of other.#targets) {
      const target = this.#target(topic, partition);
      for (const part of parts) {
        const last = target.parts.at(-1)!;
        if (last.records.length > 0 && last.bytes + part.bytes > limit) {
          target.parts.push({ records: [...part.records], bytes: part.bytes });
          continue;
        }
        for (const record of part.records) last.records.push(record);
        last.bytes += part.bytes;
      }
      target.bytes += bytes;
    }
    this.#bytes += other.#bytes;
  }

  batches(): readonly PartitionRecords[] {
    return this.#targets.flatMap(({ topic, partition, parts }) =>
      parts.map(({ records }) => ({ topic, partition, records })),
    );
  }

  #target(topic: string, partition: number): Target {
    let places = this.#places.get(topic);
    if (places === undefined) {
      places = new Map();
      this.#places.set(topic, places);
    }
    let target = places.get(partition);
    if (target === undefined) {
      target = { topic, partition, parts: [{ records: [], bytes: 0 }], bytes: 0 };
      places.set(partition, target);
      this.#targets.push(target);
    }
    return target;
  }
}
