import type { PartitionRecords } from '../../client.ts';

/** Bytes that calls may put into one partition of one request together; a broker takes 1,048,588 by default. */
const partitionBytes = 700_000;
/** Bytes of one request. */
const requestBytes = 8 << 20;
/** What a record takes besides its key and value, about. */
const recordBytes = 32;

interface Call {
  readonly batches: readonly PartitionRecords[];
  /** Bytes by topic and partition. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly ready: Promise<void> | undefined;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
  stopped: boolean;
}

/**
 * Calls wait here while a request is under way; then as many as fit go together, in the order of the calls. All calls of
 * a request share its fate.
 */
export class SendQueue {
  readonly #send: (batches: readonly PartitionRecords[]) => Promise<void>;
  readonly #calls: Call[] = [];
  #running: Promise<void> | undefined;

  constructor(send: (batches: readonly PartitionRecords[]) => Promise<void>) {
    this.#send = send;
  }

  /**
   * @param ready what must have resolved before the call may go; a rejection is the call's own.
   * @param signal a call that waits is taken back; one that is under way is given up, and may still arrive.
   */
  add(batches: readonly PartitionRecords[], ready: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const call: Call = { batches, sizes: sizesOf(batches), ready, resolve, reject, stopped: false };
    const stop = (): void => {
      call.stopped = true;
      reject(signal.reason);
    };
    signal.addEventListener('abort', stop, { once: true });
    ready?.catch(() => undefined);
    this.#calls.push(call);
    this.#running ??= this.#run();
    return promise.finally(() => signal.removeEventListener('abort', stop));
  }

  /** Resolves when nothing waits or is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // Calls of one turn of the event loop go together.
    await Promise.resolve();
    while (this.#calls.length > 0) {
      const calls = await this.#ready(this.#take());
      if (calls.length === 0) continue;
      try {
        await this.#send(calls.flatMap(({ batches }) => batches));
        for (const call of calls) call.resolve();
      } catch (error) {
        for (const call of calls) call.reject(error);
      }
    }
    this.#running = undefined;
  }

  #take(): readonly Call[] {
    const taken: Call[] = [];
    const sizes = new Map<string, number>();
    let total = 0;
    for (const call of this.#calls) {
      let fits = true;
      for (const [key, size] of call.sizes) {
        total += size;
        fits &&= (sizes.get(key) ?? 0) + size <= partitionBytes;
      }
      if (taken.length > 0 && (!fits || total > requestBytes)) break;
      for (const [key, size] of call.sizes) sizes.set(key, (sizes.get(key) ?? 0) + size);
      taken.push(call);
    }
    this.#calls.splice(0, taken.length);
    return taken.filter(({ stopped }) => !stopped);
  }

  async #ready(calls: readonly Call[]): Promise<readonly Call[]> {
    if (calls.every(({ ready }) => ready === undefined)) return calls;
    const going: Call[] = [];
    for (const call of calls) {
      try {
        await call.ready;
        if (!call.stopped) going.push(call);
      } catch (error) {
        call.reject(error);
      }
    }
    return going;
  }
}

function sizesOf(batches: readonly PartitionRecords[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { topic, partition, records } of batches) {
    const key = `${topic} ${partition}`;
    let size = sizes.get(key) ?? 0;
    for (const { key: name, value, headers } of records) {
      size += recordBytes + (name?.length ?? 0) + (value?.length ?? 0);
      for (const header of headers) size += header.name.length + header.value.length;
    }
    sizes.set(key, size);
  }
  return sizes;
}
