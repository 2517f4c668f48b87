import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { KafkaClient } from '../../links/kafka/client.ts';
import { type CompactedEntry, CompactedTopic, type CompactedWriter } from '../../links/kafka/compacted-topic.ts';
import type { ClusterSettings } from './cluster.ts';

/** A process tells every so many milliseconds; who was not heard of for some of these counts no more (`SILENT_MS`). */
const BEAT_MS = 2_000;
/** How long nobody is told of anything when the topic could not be made, read or written. */
const AGAIN_MS = 10_000;
/** What was told so long ago is of no use to anybody; of processes that were killed nothing else would take it away. */
const RETENTION_MS = 3_600_000;
/** How long a process that leaves tries to say so. */
const FAREWELL_MS = 1_000;

/** What one part of a process has to tell the other processes of a cluster, and wants to hear of them. */
export interface News {
  /**
   * What there is to tell, as JSON, by what it is of; no name has a space in it. Asked at every beat, also while nobody can be told. What is
   * left out after it was told is told to be no more.
   */
  tell(): ReadonlyMap<string, string>;
  /** Another process has told this, or, where `text` is null, that it is no more. Names and texts may be those of another version. */
  hear(process: string, name: string, text: string | null): void;
}

/** What a process is called in the topic. Who measures by another clock is another one, as with budgets. */
const names = new WeakMap<Clock, string>();

/**
 * Tells the other processes of the cluster by a compacted topic what this one has to tell, and hears what they tell, until it is disposed of. It
 * needs nothing of Kafka but that: while brokers do not answer, or refuse the topic, nobody hears anything, and it is tried again. Never throws.
 */
export function shareNews(
  client: KafkaClient,
  { name: topicName, replicationFactor }: Pick<ClusterSettings, 'replicationFactor'> & { readonly name: string },
  clock: Clock,
  news: readonly News[],
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
    CompactedTopic.open({ client, name: topicName, replicationFactor, retentionMs: RETENTION_MS });
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
      const now = new Map(news.flatMap((part) => [...part.tell()]));
      for (const [name, value] of now) {
        told.add(name);
        entries.push({ key: keyOf(process, name), value });
      }
      for (const name of told) {
        if (now.has(name)) continue;
        told.delete(name);
        entries.push({ key: keyOf(process, name), value: null });
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
    const [other = '', name = ''] = key.split(' ', 2);
    if (other === process) return;
    for (const part of news) part.hear(other, name, value);
  };
  const leave = async (): Promise<void> => {
    const gone = [...told].map((name) => ({ key: keyOf(process, name), value: null }));
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

function keyOf(process: string, name: string): string {
  return `${process} ${name}`;
}
