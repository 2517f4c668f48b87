import type { BrokerAddress } from '../protocol/broker-address.ts';
import { requestBroker } from './broker-request.ts';
import { FlexibleWriter } from './flexible-writer.ts';
import { createErrorFromCode, type LibraryBroker } from './library.ts';

/** Who is there, and who leads what. */
export interface Metadata {
  readonly nodes: ReadonlyMap<number, BrokerAddress>;
  /** For each topic the leader of each partition; -1 where there is none at the moment. */
  readonly leaders: ReadonlyMap<string, readonly number[]>;
}

/**
 * Asks for topics, null for all that are not internal, in a request of version 9 (https://kafka.apache.org/protocol#The_Messages_Metadata):
 * kafkajs makes an error of a whole answer in which a single partition has no leader. A topic that is asked for by name and missing is an
 * error; none is made.
 */
export async function requestMetadata(broker: LibraryBroker, topics: readonly string[] | null): Promise<Metadata> {
  const body = new FlexibleWriter();
  if (topics === null) body.unsigned(0);
  else body.array(topics, (topic) => body.string(topic).end());
  // Whether to make topics, and to tell what is allowed with the cluster and with each topic.
  body.int8(0).int8(0).int8(0).end();
  const answer = await requestBroker(broker, { name: 'Metadata', key: 3, version: 9, body });
  answer.int32();
  const nodes = new Map<number, BrokerAddress>();
  answer.array(() => {
    const id = answer.int32();
    nodes.set(id, { host: answer.string() ?? '', port: answer.int32() });
    answer.string();
    answer.end();
  });
  answer.string();
  answer.int32();
  const found = new Map<string, readonly number[]>();
  answer.array(() => {
    const error = answer.int16();
    const topic = answer.string() ?? '';
    const internal = answer.int8() !== 0;
    const leaders: number[] = [];
    answer.array(() => {
      answer.int16();
      const partition = answer.int32();
      leaders[partition] = answer.int32();
      answer.int32();
      // Replicas, those in sync, those offline.
      for (let left = 3; left > 0; left -= 1) answer.array(() => answer.int32());
      answer.end();
    });
    answer.int32();
    answer.end();
    if (error !== 0 && topics !== null) throw createErrorFromCode(error);
    if (error === 0 && !(topics === null && internal)) found.set(topic, leaders);
  });
  return { nodes, leaders: found };
}
