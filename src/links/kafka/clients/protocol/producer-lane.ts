import { SluiceError } from '../../../../core/error.ts';
import type { ProducerRecord, TopicPartition } from '../../client.ts';
import type { AbortWatch } from './abort-watch.ts';
import type { BatchCodec } from './batch-codec.ts';
import type { ProducerIdentity, ProducerWire, Shipment } from './producer-wire.ts';
import { encodeBatch } from './record-encoder.ts';
import { batchBytes } from './records-together.ts';

/** What a lane has from its producer. */
export interface LaneSurroundings {
  readonly wire: ProducerWire;
  readonly codec: BatchCodec;
  readonly aborts: AbortWatch;
  readonly stopped: AbortSignal;
  readonly ship: (shipment: Shipment) => Promise<void>;
  /** @param broken an identity that this lane cannot use any more. */
  readonly identity: (broken: ProducerIdentity | null) => Promise<ProducerIdentity>;
}

interface Waiting {
  readonly records: readonly ProducerRecord[];
  readonly bytes: number;
  readonly settle: (error: unknown) => void;
  /** Aborted before it was put on its way. */
  dropped: boolean;
}

/** The writer of one partition: one batch under way, the same bytes until they are acknowledged. */
export class ProducerLane {
  readonly #place: TopicPartition;
  readonly #around: LaneSurroundings;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;
  #identity: ProducerIdentity | null = null;
  #broken: ProducerIdentity | null = null;
  #sequence = 0;
  /** Bytes of a batch; less when the topic has shown to take less. */
  #limit = batchBytes;

  constructor(place: TopicPartition, around: LaneSurroundings) {
    this.#place = place;
    this.#around = around;
  }

  send(records: readonly ProducerRecord[], bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        waiting.dropped = true;
        reject(signal.reason);
      };
      const unwatch = this.#around.aborts.add(signal, stop);
      const settle = (error: unknown): void => {
        unwatch();
        if (error === null) resolve();
        else reject(error);
      };
      const waiting: Waiting = { records, bytes, settle, dropped: false };
      this.#waiting.push(waiting);
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // All that is sent in this turn goes together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const load = this.#load();
      if (load.length === 0) continue;
      const error = await this.#deliver(load).then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error !== null && this.#tooLarge(error, load)) continue;
      for (const one of load) one.settle(error);
    }
    this.#running = null;
  }

  #load(): readonly Waiting[] {
    this.#waiting = this.#waiting.filter((one) => !one.dropped);
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length; count += 1) {
      bytes += this.#waiting[count]?.bytes ?? 0;
      if (count > 0 && bytes > this.#limit) break;
    }
    return this.#waiting.splice(0, count);
  }

  /** What went together and was refused for its size goes in smaller parts: nothing of it was written. */
  #tooLarge(error: unknown, load: readonly Waiting[]): boolean {
    if (load.length < 2 || !(error instanceof SluiceError) || error.code !== 'KAFKA_RECORD_TOO_LARGE') return false;
    this.#limit =
      Math.min(
        this.#limit,
        load.reduce((sum, one) => sum + one.bytes, 0),
      ) / 2;
    this.#waiting.unshift(...load);
    return true;
  }

  async #deliver(load: readonly Waiting[]): Promise<void> {
    const { wire, codec, stopped } = this.#around;
    const records = load.length === 1 ? (load[0]?.records ?? []) : load.flatMap((one) => one.records);
    for (let fresh = false; ; fresh = true) {
      if (this.#identity === null) {
        this.#identity = await this.#around.identity(this.#broken);
        this.#sequence = 0;
      }
      const identity = { ...this.#identity, sequence: this.#sequence };
      const batch = await encodeBatch(records, identity, { codec, transactional: false, wall: wire.clock.wall() });
      // Whether a try has left us without knowing if it was written.
      let unsure = false;
      try {
        const { topic, partition } = this.#place;
        await wire.attempts.run(
          `writing to partition ${partition} of topic ${topic}`,
          stopped,
          () => this.#around.ship({ topic, partition, batch }),
          { onFault: (fault) => (unsure ||= fault.kind === 'network') },
        );
      } catch (error) {
        const { name, code } = wire.faultOf(error instanceof SluiceError ? error.cause : error);
        // It was written by an earlier try, whose answer was lost.
        if (name !== 'DUPLICATE_SEQUENCE_NUMBER') {
          if (code === 'KAFKA_RECORD_TOO_LARGE' && !unsure) throw error;
          this.#broken = this.#identity;
          this.#identity = null;
          // The broker has forgotten us (its records of us are gone by retention): as long as no try can have been written, begin anew.
          if (!unsure && !fresh && name !== null && forgotten.has(name)) continue;
          throw error;
        }
      }
      // Sequence numbers go round at 2^31.
      this.#sequence = (this.#sequence + records.length) % 0x8000_0000;
      return;
    }
  }
}

const forgotten = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);
