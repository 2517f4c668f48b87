import type { ConnectionPool, Reader } from '@platformatic/kafka';
import { type FetchAnswer, type FetchPosition, fetchBytes, fetchWaitMs } from '../protocol/consumer-wire.ts';
import type { Cluster } from './cluster.ts';

/**
 * Fetches from one broker, version 12 (https://kafka.apache.org/protocol#The_Messages_Fetch). The answer is read here and not by the
 * library, which would read its records out of the pieces that came from the network, several times slower.
 */
export async function fetchRecords(
  cluster: Cluster,
  pool: ConnectionPool,
  node: number,
  positions: readonly FetchPosition[],
  readCommitted: boolean,
): Promise<readonly FetchAnswer[]> {
  const { library, connection } = cluster;
  const topics = [...Map.groupBy(positions, (position) => position.topic)].map(([topicId, parts]) => ({
    topicId,
    partitions: parts.map(({ partition, offset, maxBytes }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch: -1,
      partitionMaxBytes: maxBytes,
    })),
  }));
  const { api, createRequest } = library.fetchV12;
  const { READ_COMMITTED, READ_UNCOMMITTED } = library.FetchIsolationLevels;
  const isolation = readCommitted ? READ_COMMITTED : READ_UNCOMMITTED;
  const rack = connection.rack ?? '';
  const fetch = library.createAPI<[], FetchReply>(
    api.key,
    api.version,
    // No fetch session: what is fetched changes with every request.
    () => createRequest(fetchWaitMs, 1, fetchBytes, isolation, 0, -1, topics, [], rack),
    readReply,
  );
  const reply = await fetch.async(await cluster.node(node, pool));
  if (reply.errorCode !== 0) throw new library.ProtocolError(reply.errorCode);
  return reply.answers;
}

interface FetchReply {
  readonly errorCode: number;
  readonly answers: readonly FetchAnswer[];
}

function readReply(_correlation: number, _key: number, _version: number, reader: Reader): FetchReply {
  reader.readInt32();
  const errorCode = reader.readInt16();
  reader.readInt32();
  const answers: FetchAnswer[] = [];
  reader.readArray((inTopic) => {
    const topic = inTopic.readString();
    inTopic.readArray((inPartition) => {
      answers.push(readPartition(inPartition, topic));
    });
  });
  reader.readTaggedFields();
  return { errorCode, answers };
}

function readPartition(reader: Reader, topic: string): FetchAnswer {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  const highWatermark = Number(reader.readInt64());
  const lastStableOffset = Number(reader.readInt64());
  reader.readInt64();
  const aborted =
    reader.readNullableArray((entry) => ({ producerId: entry.readInt64(), firstOffset: entry.readInt64() })) ?? [];
  const preferredReplica = reader.readInt32();
  const size = Math.max(0, reader.readUnsignedVarInt() - 1);
  const records = reader.buffer.slice(reader.position, reader.position + size);
  reader.skip(size);
  return { topic, partition, errorCode, highWatermark, lastStableOffset, aborted, preferredReplica, records };
}
