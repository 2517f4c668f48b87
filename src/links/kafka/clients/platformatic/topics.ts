import { SluiceError } from '../../../../core/error.ts';
import type { KafkaTopics, OffsetRange, TopicSettings } from '../../client.ts';
import { committedOffsets } from '../protocol/committed-offsets.ts';
import { earliest, latest } from '../protocol/consumer-wire.ts';
import { listOffsets } from '../protocol/list-offsets.ts';
import { faultOf } from './broker-fault.ts';
import type { Cluster } from './cluster.ts';
import { groupOffsets } from './group-offsets.ts';
import { requestOffsets } from './list-offsets.ts';

const timeoutMs = 20_000;

/** Topics, offsets and groups. */
export function createTopics(cluster: Cluster): KafkaTopics {
  const { library, closed, attempts } = cluster;
  const wire: Parameters<typeof listOffsets>[0] = {
    attempts,
    leader: (topic, partition) => cluster.leader(topic, partition),
    listOffsets: (...asked) => requestOffsets(cluster, ...asked),
  };

  async function partitions(topic: string): Promise<number | null> {
    try {
      // A topic that is just being made has a name before it has leaders.
      const leaders = await cluster.attempts.run(`looking up topic ${topic}`, closed, async () => {
        const found = await cluster.leaders(topic).catch(missing);
        return found;
      });
      return leaders === null ? null : leaders.length;
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'KAFKA_TOPIC_MISSING') return null;
      throw error;
    }
  }

  async function known(topic: string): Promise<number> {
    const count = await partitions(topic);
    if (count === null) throw new SluiceError('KAFKA_TOPIC_MISSING', `Kafka: there is no topic ${topic}`);
    return count;
  }

  async function create(settings: TopicSettings): Promise<boolean> {
    const { name } = settings;
    const made = await cluster.attempts.run(`creating topic ${name}`, closed, async () => {
      const topic = {
        name,
        numPartitions: settings.partitions,
        replicationFactor: settings.replicationFactor ?? -1,
        assignments: [],
        configs: Object.entries(settings.config).map(([key, value]) => ({ name: key, value })),
      };
      const { api } = library.createTopicsV5;
      return await api
        .async(await cluster.controller(), [topic], timeoutMs, false)
        .then(() => true, refusedAs('TOPIC_ALREADY_EXISTS', false));
    });
    await cluster.attempts.run(`waiting for topic ${name}`, closed, async () => {
      const leaders = await cluster.leaders(name);
      if (leaders.length === 0 || leaders.includes(-1)) throw new library.ProtocolError('LEADER_NOT_AVAILABLE');
    });
    return made;
  }

  async function ranges(topic: string): Promise<readonly OffsetRange[]> {
    const all = [...Array(await known(topic)).keys()];
    const [starts, ends, highs] = await Promise.all([
      listOffsets(wire, topic, all, earliest, true, closed),
      listOffsets(wire, topic, all, latest, true, closed),
      listOffsets(wire, topic, all, latest, false, closed),
    ]);
    return all.map((partition) => ({
      start: starts[partition] ?? 0,
      end: ends[partition] ?? 0,
      high: highs[partition] ?? 0,
    }));
  }

  return {
    partitions,
    create,
    ranges,
    list: async () => {
      const found = await cluster.attempts.run('listing topics', closed, () => cluster.metadata(null));
      return [...found.keys()].filter((name) => !name.startsWith('__')).toSorted();
    },
    remove: async (names) => {
      for (const name of names) {
        await cluster.attempts.run(`removing topic ${name}`, closed, async () => {
          const { api } = library.deleteTopicsV4;
          const reply = api.async(await cluster.controller(), [{ name }], timeoutMs).then(() => true);
          await reply.catch(refusedAs('UNKNOWN_TOPIC_OR_PARTITION', true));
        });
      }
      cluster.forget();
    },
    offsetsAt: async (topic, timestamp) => {
      const all = [...Array(await known(topic)).keys()];
      const found = await listOffsets(wire, topic, all, timestamp, true, closed);
      if (found.every((offset) => offset >= 0)) return found;
      const ends = await listOffsets(wire, topic, all, latest, true, closed);
      return all.map((partition) => {
        const offset = found[partition] ?? -1;
        return offset >= 0 ? offset : (ends[partition] ?? 0);
      });
    },
    committed: async (group, topic) =>
      await committedOffsets(
        groupOffsets(cluster, group, topic, closed),
        [...Array(await known(topic)).keys()],
        closed,
      ),
    members: (group) =>
      cluster.attempts.run(`looking up group ${group}`, closed, async () => {
        const connection = await cluster.coordinator('group', group, cluster.control);
        const reply = await library.describeGroupsV5.api
          .async(connection, [group], false)
          .catch(refusedAs('GROUP_ID_NOT_FOUND', null));
        return reply?.groups[0]?.members.length ?? 0;
      }),
    removeGroups: async (groups) => {
      for (const group of groups) {
        await cluster.attempts.run(`removing group ${group}`, closed, async () => {
          const connection = await cluster.coordinator('group', group, cluster.control);
          const reply = library.deleteGroupsV2.api.async(connection, [group]).then(() => true);
          await reply.catch(refusedAs('GROUP_ID_NOT_FOUND', true));
        });
      }
    },
  };
}

function refusedAs<T>(name: string, instead: T): (error: unknown) => T {
  return (error) => {
    if (faultOf(error).name === name) return instead;
    throw error;
  };
}

const missing = refusedAs('UNKNOWN_TOPIC_OR_PARTITION', null);
