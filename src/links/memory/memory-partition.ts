import type { LinkRecord } from '../../core/link.ts';

interface Waiting {
  readonly wake: () => void;
}

/** One partition of a memory link: a queue for one writer and one reader, bounded in bytes. */
export class MemoryPartition<T> {
  readonly #limit: number;
  readonly #queue: { readonly record: LinkRecord<T>; readonly bytes: number }[] = [];
  #bytes = 0;
  #durable = 0;
  #writer: Waiting | undefined;
  #reader: Waiting | undefined;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** Everything below this sequence was committed by the reader. */
  get durable(): number {
    return this.#durable;
  }

  async append(record: LinkRecord<T>, bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (this.#queue.length > 0 && this.#bytes + bytes > this.#limit) {
      await this.#wait(signal, (waiting) => (this.#writer = waiting));
    }
    this.#queue.push({ record, bytes });
    this.#bytes += bytes;
    wakeOnce(this.#reader);
  }

  async take(signal: AbortSignal): Promise<LinkRecord<T>> {
    signal.throwIfAborted();
    while (this.#queue.length === 0) await this.#wait(signal, (waiting) => (this.#reader = waiting));
    const { record, bytes } = this.#queue.shift()!;
    this.#bytes -= bytes;
    wakeOnce(this.#writer);
    return record;
  }

  /** The watermark never goes back: a late commit of an earlier sequence changes nothing. */
  commit(sequence: number): void {
    this.#durable = Math.max(this.#durable, sequence);
  }

  #wait(signal: AbortSignal, register: (waiting: Waiting | undefined) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        register(undefined);
        signal.removeEventListener('abort', stop);
      };
      const stop = (): void => {
        settle();
        reject(signal.reason);
      };
      register({
        wake: () => {
          settle();
          resolve();
        },
      });
      signal.addEventListener('abort', stop, { once: true });
    });
  }
}

function wakeOnce(waiting: Waiting | undefined): void {
  waiting?.wake();
}
