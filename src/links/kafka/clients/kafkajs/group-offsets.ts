import type { CommittedPorts } from '../protocol/committed-offsets.ts';
import { requestBroker } from './broker-request.ts';
import type { Brokers } from './brokers.ts';
import { FlexibleWriter } from './flexible-writer.ts';
import { createErrorFromCode } from './library.ts';

const unstableOffsetCommit = 88;

/**
 * Reads the offsets that a group has committed for a topic. By version 7 of the request
 * (https://kafka.apache.org/protocol#The_Messages_OffsetFetch): kafkajs's own cannot ask for stable offsets.
 */
export function groupOffsets(brokers: Brokers, group: string, topic: string): CommittedPorts {
  return {
    clock: brokers.clock,
    read: (partitions, stable) =>
      brokers.attempts.run(`reading the offsets of group ${group}`, brokers.closed, () =>
        readOffsets(brokers, group, topic, partitions, stable),
      ),
  };
}

async function readOffsets(
  brokers: Brokers,
  group: string,
  topic: string,
  partitions: readonly number[],
  stable: boolean,
): Promise<ReadonlyMap<number, number>> {
  const body = new FlexibleWriter().string(group);
  body.array([topic], (name) => {
    body.string(name).array(partitions, (partition) => body.int32(partition));
    body.end();
  });
  body.int8(stable ? 1 : 0).end();
  const broker = await brokers.coordinator('group', group);
  const answer = await requestBroker(broker, { name: 'OffsetFetch', key: 9, version: 7, body });
  answer.int32();
  const found = new Map<number, number>();
  answer.array(() => {
    answer.string();
    answer.array(() => {
      const partition = answer.int32();
      const offset = Number(answer.int64());
      answer.int32();
      answer.string();
      const error = answer.int16();
      answer.end();
      if (error === 0) found.set(partition, offset);
      else if (error !== unstableOffsetCommit) throw createErrorFromCode(error);
    });
    answer.end();
  });
  const error = answer.int16();
  if (error !== 0) throw createErrorFromCode(error);
  return found;
}
