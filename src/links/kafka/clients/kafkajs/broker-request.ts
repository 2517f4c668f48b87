import { SluiceError } from '../../../../core/error.ts';
import { FlexibleReader } from './flexible-reader.ts';
import type { FlexibleWriter } from './flexible-writer.ts';
import type { LibraryBroker } from './library.ts';

/** A request that kafkajs does not have, or not in a version that will do. */
export interface BrokerRequest {
  readonly name: string;
  readonly key: number;
  /** One of the flexible versions. */
  readonly version: number;
  readonly body: FlexibleWriter;
  /** Milliseconds that the answer is waited for; at least kafkajs's own. */
  readonly timeoutMs?: number;
}

/**
 * Sends it over kafkajs's connection (its login, timeouts and queue) and reads what comes back, from behind the header
 * (https://kafka.apache.org/protocol#protocol_messages). The bytes of the body are not copied.
 */
export async function requestBroker(broker: LibraryBroker, request: BrokerRequest): Promise<FlexibleReader> {
  const { name, key, version, body, timeoutMs = 0 } = request;
  if ((broker.versions[key]?.maxVersion ?? 0) < version) {
    throw new SluiceError('KAFKA_FAULT', `the broker is older than Kafka 2.8: it has no ${name} of version ${version}`);
  }
  const [connection] = broker.connectionPool.pool;
  await connection.authenticate();
  connection.failIfNotConnected();
  const correlationId = connection.nextCorrelationId();
  const pieces = [header(key, version, correlationId, connection.clientId), ...body.pieces];
  pieces[0]!.writeInt32BE(pieces.reduce((sum, { length }) => sum + length, 0) - 4, 0);
  const answered = new Promise<{ readonly payload: Buffer }>((resolve, reject) => {
    connection.requestQueue.push({
      entry: { apiKey: key, apiName: name, apiVersion: version, correlationId, resolve, reject },
      expectResponse: true,
      requestTimeout: timeoutMs,
      sendRequest: () => {
        const { socket } = connection;
        socket.cork();
        for (const piece of pieces) socket.write(piece);
        socket.uncork();
      },
    });
  });
  const { payload } = await endSilent(broker, answered);
  const answer = new FlexibleReader(payload);
  answer.end();
  return answer;
}

/** Ends the connection where an answer is not given in time: it may be cut off without our being told, and the next try is over another one. */
export async function endSilent<T>(broker: LibraryBroker, answered: Promise<T>): Promise<T> {
  try {
    return await answered;
  } catch (error) {
    const [{ socket }] = broker.connectionPool.pool;
    if (error instanceof Error && error.name === 'KafkaJSRequestTimeoutError') socket.destroy(error);
    throw error;
  }
}

/** With room for the length of the request, and without tagged fields. */
function header(key: number, version: number, correlationId: number, clientId: string): Buffer {
  const client = Buffer.from(clientId);
  const bytes = Buffer.alloc(4 + 10 + client.length + 1);
  bytes.writeInt16BE(key, 4);
  bytes.writeInt16BE(version, 6);
  bytes.writeInt32BE(correlationId, 8);
  bytes.writeInt16BE(client.length, 12);
  client.copy(bytes, 14);
  return bytes;
}
