import { systemClock } from '../../../src/core/clock.ts';
import type { KafkaClient } from '../../../src/links/kafka/client.ts';

/** A steady stream through a live job. */
export interface LatencyInput {
  readonly input: string;
  readonly output: string;
  /** A topic that is written and read beside it, by the same clients, without a job in between. */
  readonly bare: string;
  readonly partitions: number;
  readonly rowsPerSecond: number;
  readonly seconds: number;
  /** Milliseconds that the prediction server takes for a request. */
  readonly serverMs: number;
  /** The text of a row, whose first field is its number. */
  readonly row: (id: number) => string;
}

/** Milliseconds from a row's sending to its being read from the output by somebody who reads committed records, less the server's. */
export interface LatencyOutput extends Shares {
  readonly rows: number;
  /** Of rows that went through one topic only: what the cluster, the clients and the machine take by themselves. */
  readonly bare: Shares;
}

interface Shares {
  readonly p50: number;
  readonly p99: number;
}

const TICK_MS = 5;
/** One row in so many goes through the bare topic as well. */
const BARE = 10;
/** The first rows find a group that is still gathering, and a broker that is not warm; they are not counted. */
const WARM_UP = 0.5;

/** Sends rows at a steady rate into `input`, reads them from `output`, and gives the time that each was on its way. */
export async function measureLatency(client: KafkaClient, input: LatencyInput): Promise<LatencyOutput> {
  const { rowsPerSecond, seconds, serverMs, partitions } = input;
  const total = rowsPerSecond * seconds;
  const sent = new Float64Array(total);
  const taken = new Float64Array(total).fill(Number.NaN);
  const bare: number[] = [];
  const reading = new AbortController();
  const options = { group: null, from: 'earliest', readCommitted: true, bufferBytes: 1 << 20 } as const;
  const times = { sessionTimeoutMs: 30_000, drainMs: 0, stuckMs: Number.POSITIVE_INFINITY } as const;
  await using consumer = await client.consumer(
    { topics: [input.output, input.bare], ...options, ...times },
    reading.signal,
  );
  let missing = total;
  const done = Promise.withResolvers<void>();
  const read = async (): Promise<void> => {
    for await (const assigned of consumer.assignments(reading.signal)) {
      void (async () => {
        for (;;) {
          const messages = await assigned.poll(1 << 20, reading.signal);
          const now = performance.now();
          for (const { value } of messages) {
            // The id is the last column of the output.
            const id = Number(Buffer.from(value!).toString().trim().split(',').at(-1));
            if (assigned.topic === input.bare) {
              if (id >= WARM_UP * total) bare.push(now - sent[id]!);
              continue;
            }
            if (Number.isNaN(taken[id])) missing -= 1;
            taken[id] = now - sent[id]! - serverMs;
          }
          if (missing === 0) done.resolve();
        }
      })().catch(() => undefined);
    }
  };
  const readers = read().catch(() => undefined);
  await using producer = await client.producer({ compression: 'none' }, reading.signal);
  const began = performance.now();
  for (let id = 0; id < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - began) * rowsPerSecond) / 1000));
    const batchesOf = (topic: string) =>
      Array.from({ length: partitions }, (_, partition) => ({
        topic,
        partition,
        records: [] as { key: null; value: Uint8Array; headers: [] }[],
      }));
    const [batches, control] = [batchesOf(input.input), batchesOf(input.bare)];
    for (; id < due; id += 1) {
      sent[id] = performance.now();
      batches[id % partitions]!.records.push({ key: null, value: Buffer.from(input.row(id)), headers: [] });
      if (id % BARE === 0)
        control[(id / BARE) % partitions]!.records.push({ key: null, value: Buffer.from(`,${id}`), headers: [] });
    }
    void producer.send(
      [...batches, ...control].filter(({ records }) => records.length > 0),
      reading.signal,
    );
    await systemClock.sleep(TICK_MS, reading.signal);
  }
  await done.promise;
  reading.abort();
  await readers;
  const counted = taken.subarray(Math.floor(WARM_UP * total));
  return { rows: counted.length, ...sharesOf(counted), bare: sharesOf(Float64Array.from(bare)) };
}

function sharesOf(durations: Float64Array): Shares {
  const sorted = durations.toSorted();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { p50: at(0.5), p99: at(0.99) };
}
