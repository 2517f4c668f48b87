import { ackTimeoutMs, produceTimeoutMs, type Shipment, type ShipmentOutcome } from '../protocol/producer-wire.ts';
import { requestBroker } from './broker-request.ts';
import { FlexibleWriter } from './flexible-writer.ts';
import { createErrorFromCode, type LibraryBroker } from './library.ts';

const networkException = 13;
const allReplicas = -1;

/** Sends batches to their leader, in a request of version 9 (https://kafka.apache.org/protocol#The_Messages_Produce). */
export async function produce(
  broker: LibraryBroker,
  transactionalId: string | null,
  shipments: readonly Shipment[],
): Promise<readonly ShipmentOutcome[]> {
  const byTopic = [...Map.groupBy(shipments, ({ topic }) => topic)];
  const body = new FlexibleWriter().string(transactionalId).int16(allReplicas).int32(ackTimeoutMs);
  body.array(byTopic, ([topic, parts]) => {
    body.string(topic).array(parts, ({ partition, batch }) => body.int32(partition).bytes(batch).end());
    body.end();
  });
  body.end();
  const request = { name: 'Produce', key: 0, version: 9, body, timeoutMs: produceTimeoutMs };
  const answer = await requestBroker(broker, request);
  const outcomes = new Map<string, ShipmentOutcome>();
  answer.array(() => {
    const topic = answer.string();
    answer.array(() => {
      const partition = answer.int32();
      const error = answer.int16();
      // The offset, the time and the start of the log.
      for (let left = 3; left > 0; left -= 1) answer.int64();
      answer.array(() => {
        answer.int32();
        answer.string();
        answer.end();
      });
      answer.string();
      answer.end();
      outcomes.set(`${partition} ${topic}`, error === 0 ? null : createErrorFromCode(error));
    });
    answer.end();
  });
  return shipments.map(({ topic, partition }) => {
    const outcome = outcomes.get(`${partition} ${topic}`);
    return outcome === undefined ? createErrorFromCode(networkException) : outcome;
  });
}
