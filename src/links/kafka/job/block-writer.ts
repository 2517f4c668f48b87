import { abortable } from '../../../core/abortable.ts';
import type { LinkRecord, LinkWriter } from '../../../core/link.ts';
import type { KafkaProducer } from '../client.ts';
import { type Block, type BlockEpoch, encodeBlock } from './block.ts';
import type { BlockForm } from './block-form.ts';

export interface BlockWriterOptions<T> {
  readonly producer: KafkaProducer;
  readonly topic: string;
  readonly partitions: number;
  readonly form: BlockForm<T>;
  /** Bytes of one partition that may be on their way to the broker; an append waits above it. */
  readonly partitionBytes: number;
  readonly epoch?: BlockEpoch;
}

/**
 * The writing end of a link over a topic of a job's own. A record is durable when it is acknowledged; several are on their way at
 * once, in order. It does not fence: a batch that two writers append is the same batch twice, and readers drop the second.
 */
export function createBlockWriter<T>(options: BlockWriterOptions<T>): LinkWriter<T> {
  const all = Array.from({ length: options.partitions }, (_, partition) => new BlockPartition(options, partition));
  return {
    begin: async (partition, from) => {
      all[partition]!.begin();
      return from;
    },
    append: (partition, record, signal) => all[partition]!.append(record, signal),
    durable: (partition) => all[partition]!.durable,
    end: (partition, signal) => all[partition]!.settle(signal),
  };
}

class BlockPartition<T> {
  readonly #options: BlockWriterOptions<T>;
  readonly #partition: number;
  #durable = 0;
  #bytes = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Whose failures are whose: sends of an earlier holder may still be under way. */
  #holder = 0;
  readonly #sending = new Set<Promise<void>>();

  constructor(options: BlockWriterOptions<T>, partition: number) {
    this.#options = options;
    this.#partition = partition;
  }

  get durable(): number {
    return this.#durable;
  }

  /** A failure belongs to the holder who met it; the next one begins afresh. */
  begin(): void {
    this.#failure = undefined;
    this.#holder += 1;
  }

  async append(record: LinkRecord<T>, signal: AbortSignal): Promise<void> {
    const { form, partitionBytes } = this.#options;
    signal.throwIfAborted();
    const size = record.kind === 'batch' ? form.sizeOf(record.value) : 0;
    while (this.#sending.size > 0 && this.#bytes + size > partitionBytes)
      await abortable(Promise.race(this.#sending), signal);
    this.#throwIfFailed();
    const block =
      record.kind === 'batch' ? form.encode(record.sequence, record.value, record.read ?? 0) : endBlock(record);
    this.#bytes += size;
    const holder = this.#holder;
    const settled = this.#written(block, record, holder, signal).finally(() => {
      this.#bytes -= size;
      this.#sending.delete(settled);
    });
    this.#sending.add(settled);
  }

  /** Waits until everything is acknowledged; rejects when something never will be. */
  async settle(signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await Promise.all(this.#sending);
    if (!signal.aborted) this.#throwIfFailed();
  }

  async #written(block: Block, record: LinkRecord<T>, holder: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#send(block, signal);
    } catch (error) {
      if (holder === this.#holder) this.#failure ??= { error };
      return;
    }
    // Behind a record that failed there is a hole, or was one when its holder gave up: that is not durable *through* here.
    if (this.#failure === undefined && holder === this.#holder)
      this.#durable = Math.max(this.#durable, record.kind === 'batch' ? record.sequence + 1 : record.sequence);
    if (record.kind === 'batch') this.#options.form.release(record.value);
  }

  /** Calls for one partition are written in their order, so none needs to wait for the one before it. */
  async #send(block: Block, signal: AbortSignal): Promise<void> {
    const { producer, topic, epoch } = this.#options;
    const partition = this.#partition;
    await Promise.all(
      encodeBlock(block, epoch).map((record) => producer.send([{ topic, partition, records: [record] }], signal)),
    );
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function endBlock({ sequence, read, complete }: LinkRecord<never> & { readonly kind: 'end' }): Block {
  return {
    facts: { kind: 'end', sequence, read, complete },
    schema: null,
    bytes: new Uint8Array(0),
    ends: new Uint32Array(0),
    letters: [],
  };
}
