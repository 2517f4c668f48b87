import {
  type AbortedTransaction,
  type FetchAnswer,
  type FetchPosition,
  fetchBytes,
  fetchTimeoutMs,
  fetchWaitMs,
} from '../protocol/consumer-wire.ts';
import { requestBroker } from './broker-request.ts';
import type { FlexibleReader } from './flexible-reader.ts';
import { FlexibleWriter } from './flexible-writer.ts';
import { createErrorFromCode, type LibraryBroker } from './library.ts';

/**
 * Fetches from one broker, version 12 (https://kafka.apache.org/protocol#The_Messages_Fetch). kafkajs's own request makes an object of every
 * record, with its numbers as text, before anybody can say what is wanted of it.
 * @param rack where this client is; empty: not known.
 */
export async function fetchRecords(
  broker: LibraryBroker,
  positions: readonly FetchPosition[],
  committed: boolean,
  rack: string,
): Promise<readonly FetchAnswer[]> {
  const [anyReplica, minBytes, isolation] = [-1, 1, committed ? 1 : 0];
  const body = new FlexibleWriter().int32(anyReplica).int32(fetchWaitMs).int32(minBytes).int32(fetchBytes);
  // No fetch session: what is fetched changes with every request.
  body.int8(isolation).int32(0).int32(-1);
  body.array([...Map.groupBy(positions, ({ topic }) => topic)], ([topic, parts]) => {
    body.string(topic).array(parts, ({ partition, offset, maxBytes }) => {
      const [anyEpoch, startOfLog] = [-1, -1n];
      body.int32(partition).int32(anyEpoch).int64(BigInt(offset)).int32(anyEpoch).int64(startOfLog).int32(maxBytes);
      body.end();
    });
    body.end();
  });
  body
    .array([], () => undefined)
    .string(rack)
    .end();
  const answer = await requestBroker(broker, {
    name: 'Fetch',
    key: 1,
    version: 12,
    body,
    timeoutMs: fetchTimeoutMs,
  });
  answer.int32();
  const error = answer.int16();
  if (error !== 0) throw createErrorFromCode(error);
  answer.int32();
  const answers: FetchAnswer[] = [];
  answer.array(() => {
    const topic = answer.string() ?? '';
    answer.array(() => answers.push(readPartition(answer, topic)));
    answer.end();
  });
  return answers;
}

function readPartition(answer: FlexibleReader, topic: string): FetchAnswer {
  const partition = answer.int32();
  const errorCode = answer.int16();
  const highWatermark = Number(answer.int64());
  const lastStableOffset = Number(answer.int64());
  // The start of the log.
  answer.int64();
  const aborted = answer.array((): AbortedTransaction => {
    const transaction = { producerId: answer.int64(), firstOffset: answer.int64() };
    answer.end();
    return transaction;
  });
  const preferredReplica = answer.int32();
  const records = answer.bytes() ?? Buffer.alloc(0);
  answer.end();
  return { topic, partition, errorCode, highWatermark, lastStableOffset, aborted, preferredReplica, records };
}
