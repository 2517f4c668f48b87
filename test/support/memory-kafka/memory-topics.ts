import type { KafkaTopics } from '../../../src/links/kafka/client.ts';
import type { Cluster } from './cluster.ts';
import type { MemoryProcess } from './memory-process.ts';

/** The administrator's view of the memory cluster, for one process. */
export function createMemoryTopics(cluster: Cluster, process: MemoryProcess): KafkaTopics {
  /** A request and its reply: a process can be killed before, between and after. */
  const ask = async <T>(answer: () => T): Promise<T> => {
    await process.step();
    cluster.faults.check('topics', process);
    const result = answer();
    await process.step();
    cluster.faults.check('topics', process, true);
    return result;
  };
  return {
    list: () => ask(() => cluster.topics.filter((topic) => !topic.startsWith('__')).toSorted()),
    partitions: (topic) => ask(() => cluster.find(topic)?.length ?? null),
    create: (settings) => ask(() => cluster.create(settings)),
    remove: (topics) => ask(() => topics.forEach((topic) => cluster.remove(topic))),
    ranges: (topic) =>
      ask(() =>
        cluster
          .logs(topic)
          .map(({ start, stable, end }) => ({ start, end: cluster.options.stableRanges ? stable : end, high: end })),
      ),
    offsetsAt: (topic, timestamp) =>
      ask(() =>
        cluster.logs(topic).map((log) => {
          const found = log.entries.find(({ envelope }) => envelope !== null && envelope.timestamp >= timestamp);
          return found?.offset ?? log.end;
        }),
      ),
    committed: (group, topic) =>
      ask(() => {
        const offsets = cluster.findGroup(group)?.committed;
        return cluster.logs(topic).map((log) => offsets?.get(log) ?? null);
      }),
    members: (group) => ask(() => cluster.findGroup(group)?.size ?? 0),
    removeGroups: (groups) => ask(() => groups.forEach((group) => cluster.removeGroup(group))),
  };
}
