import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { KafkaClient } from '../../links/kafka/client.ts';
import { type CompactedEntry, CompactedTopic, type CompactedWriter } from '../../links/kafka/compacted-topic.ts';
import type { ServerUse } from '../../scoring/limiter/neighbours.ts';
import { budgetsInUse } from '../../scoring/limiter/server-budget.ts';
import type { ClusterSettings } from './cluster.ts';
import { readServerUse } from './server-use-record.ts';

/** The topic in which every process tells what it does with which prediction server. */
export const BUDGETS_TOPIC = 'sluice.budgets';
/** A process tells every so many milliseconds; who was not heard of for some of these counts no more (`SILENT_MS`). */
const BEAT_MS = 2_000;
/** How long nobody is told of anything when the topic could not be made, read or written. */
const AGAIN_MS = 10_000;
/** What was told so long ago is of no use to anybody; of processes that were killed nothing else would take it away. */
const RETENTION_MS = 3_600_000;
/** How long a process that leaves tries to say so. */
const FAREWELL_MS = 1_000;

/** What a process is called in the topic. Who measures by another clock is another one, as with budgets. */
const names = new WeakMap<Clock, string>();

/**
 * Tells the other processes of the cluster what this one does with the prediction servers that it sends to, and its budgets what they tell, until it
 * is disposed of. It needs nothing of Kafka but that: while brokers do not answer, or refuse the topic, every budget goes by latencies alone,
 * and it is tried again. Never throws.
 */
export function shareBudgets(
  client: KafkaClient,
  { replicationFactor }: Pick<ClusterSettings, 'replicationFactor'>,
  clock: Clock,
): AsyncDisposable {
  const process = names.get(clock) ?? randomUUID();
  names.set(clock, process);
  const leaving = new AbortController();
  const { signal } = leaving;
  const told = new Set<string>();
  /** Aborts what is being told; later than `leaving`, so that a farewell does not come before it, nor is lost with it. */
  const givingUp = new AbortController();
  let underWay: Promise<void> | null = null;
  let writer: CompactedWriter | null = null;

  const topic = (): Promise<CompactedTopic> =>
    CompactedTopic.open({ client, name: BUDGETS_TOPIC, replicationFactor, retentionMs: RETENTION_MS });
  const put = async (entries: readonly CompactedEntry[]): Promise<void> => {
    writer ??= await (await topic()).writer(givingUp.signal);
    await writer.put(entries, givingUp.signal);
  };
  const forget = async (): Promise<void> => {
    const broken = writer;
    writer = null;
    await broken?.[Symbol.asyncDispose]();
  };

  const tell = async (entries: readonly CompactedEntry[]): Promise<void> => {
    try {
      await put(entries);
    } catch {
      await forget().catch(() => undefined);
      await clock.sleep(AGAIN_MS, signal).catch(() => undefined);
    }
    underWay = null;
  };
  const telling = async (): Promise<void> => {
    while (!signal.aborted) {
      const entries: CompactedEntry[] = [];
      const inUse = budgetsInUse(clock);
      // Also when nobody can be told: what the others said last must fade.
      for (const [origin, budget] of inUse) {
        told.add(origin);
        entries.push({ key: keyOf(process, origin), value: JSON.stringify({ v: 1, ...budget.exchange() }) });
      }
      for (const origin of told) {
        if (inUse.has(origin)) continue;
        told.delete(origin);
        entries.push({ key: keyOf(process, origin), value: null });
      }
      // A broker that is slow is not asked twice at a time; nor is one that failed asked at once again.
      if (entries.length > 0) underWay ??= tell(entries);
      await clock.sleep(BEAT_MS, signal).catch(() => undefined);
    }
  };
  const listening = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        for await (const { key, value } of (await topic()).news(signal)) hear(key, value);
      } catch {
        // It is tried again.
      }
      await clock.sleep(AGAIN_MS, signal).catch(() => undefined);
    }
  };
  const hear = (key: string, value: string | null): void => {
    const [other = '', origin = ''] = key.split(' ', 2);
    if (other === process) return;
    const use: ServerUse | null = value === null ? null : readServerUse(value);
    if (value === null || use !== null) budgetsInUse(clock).get(origin)?.heard(other, use);
  };
  const leave = async (): Promise<void> => {
    const gone = [...told].map((origin) => ({ key: keyOf(process, origin), value: null }));
    // Who cannot say it is not heard of any more, which comes to the same.
    await within(clock, async () => {
      await underWay;
      if (gone.length > 0 && writer !== null) await put(gone);
    }).catch(() => undefined);
    givingUp.abort(new Error('the process has left'));
    await within(clock, forget).catch(() => undefined);
  };

  const working = Promise.all([telling(), listening()]);
  return {
    [Symbol.asyncDispose]: async () => {
      leaving.abort(new Error('the process leaves'));
      await within(clock, () => working).catch(() => undefined);
      await leave();
    },
  };
}

/** What comes of some work, waited for no longer than a process that leaves waits. */
async function within<T>(clock: Clock, work: () => Promise<T>): Promise<T> {
  const done = new AbortController();
  const late = clock.sleep(FAREWELL_MS, done.signal).then(() => {
    throw new Error('nobody answers');
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    done.abort(new Error('done'));
    late.catch(() => undefined);
  }
}

function keyOf(process: string, origin: string): string {
  return `${process} ${origin}`;
}
