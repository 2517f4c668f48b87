import { SluiceError } from '../../../../core/error.ts';
import type { KafkaProducer, PartitionRecords, ProducerRecord } from '../../client.ts';
import { AbortWatch } from './abort-watch.ts';
import type { BatchCodec } from './batch-codec.ts';
import { Departures } from './departures.ts';
import { ProducerLane } from './producer-lane.ts';
import type { ProducerIdentity, ProducerWire } from './producer-wire.ts';
import { recordBytes } from './record-encoder.ts';

/**
 * A producer without transactions. Each partition has a lane with one batch under way, which keeps the order; what waits meanwhile
 * goes together in the next batch; lanes that are ready at the same moment share a request.
 */
export class IdempotentProducer implements KafkaProducer {
  readonly #wire: ProducerWire;
  readonly #codec: BatchCodec;
  readonly #closed: () => unknown;
  readonly #departures: Departures;
  readonly #lanes = new Map<string, Map<number, ProducerLane>>();
  readonly #aborts = new AbortWatch();
  readonly #stopped = new AbortController();
  #identity: Promise<ProducerIdentity> | null = null;
  #closing: Promise<void> | null = null;

  /** @param wire is closed with it. @param closed is told then. */
  constructor(wire: ProducerWire, codec: BatchCodec, closed: () => unknown) {
    this.#closed = closed;
    this.#wire = wire;
    this.#codec = codec;
    this.#departures = new Departures(wire);
  }

  /** Asks for the producer id. */
  async connect(signal: AbortSignal): Promise<void> {
    this.#identity = this.#newIdentity(signal);
    await this.#identity;
  }

  async send(batches: readonly PartitionRecords[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#closing !== null) throw new SluiceError('CONTRACT_BROKEN', 'a Kafka producer was used after its end');
    await Promise.all(
      batches
        .filter((batch) => batch.records.length > 0)
        .map((batch) => this.#lane(batch.topic, batch.partition).send(batch.records, bytesOf(batch.records), signal)),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #lane(topic: string, partition: number): ProducerLane {
    let lanes = this.#lanes.get(topic);
    if (lanes === undefined) {
      lanes = new Map();
      this.#lanes.set(topic, lanes);
    }
    let lane = lanes.get(partition);
    if (lane === undefined) {
      lane = new ProducerLane(
        { topic, partition },
        {
          wire: this.#wire,
          codec: this.#codec,
          aborts: this.#aborts,
          stopped: this.#stopped.signal,
          ship: (shipment) => this.#departures.ship(shipment),
          identity: (broken) => this.#identityBut(broken),
        },
      );
      lanes.set(partition, lane);
    }
    return lane;
  }

  /** The identity of all lanes; another one when a lane has spoilt it for itself. */
  #identityBut(broken: ProducerIdentity | null): Promise<ProducerIdentity> {
    const before = this.#identity;
    const next = (async (): Promise<ProducerIdentity> => {
      const known = await before?.catch(() => null);
      return known && known !== broken ? known : await this.#newIdentity(this.#stopped.signal);
    })();
    this.#identity = next;
    return next;
  }

  #newIdentity(signal: AbortSignal): Promise<ProducerIdentity> {
    return this.#wire.attempts.run('asking for a producer id', signal, () => this.#wire.identity(null));
  }

  async #close(): Promise<void> {
    const lanes = [...this.#lanes.values()].flatMap((topic) => [...topic.values()]);
    await Promise.all(lanes.map((lane) => lane.idle()));
    this.#stopped.abort(new SluiceError('KAFKA_FAULT', 'Kafka: the producer was closed'));
    await this.#wire.close();
    this.#closed();
  }
}

function bytesOf(records: readonly ProducerRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += recordBytes(record);
  return bytes;
}
