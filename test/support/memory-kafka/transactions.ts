import type { Clock } from '../../../src/core/clock.ts';
import { SluiceError } from '../../../src/core/error.ts';
import type { GroupOffsets } from '../../../src/links/kafka/client.ts';
import { Bell } from './bell.ts';
import type { MemoryProcess } from './memory-process.ts';
import type { PartitionLog } from './partition-log.ts';
import type { Steps } from './steps.ts';

/** A transactional id as the broker knows it. */
interface Known {
  readonly id: string;
  epoch: number;
  open: Open | null;
  /** The markers of a decided transaction are being written. */
  ending: boolean;
  readonly ended: Bell;
}

interface Open {
  readonly process: MemoryProcess;
  readonly begun: number;
  readonly timeoutMs: number;
  readonly logs: Set<PartitionLog>;
  /** Show what it has committed of groups. */
  readonly shows: (() => void)[];
}

/** One producer's right to an id: good until the next `fence` of the same id. */
export interface Epoch {
  readonly id: string;
  readonly epoch: number;
  readonly timeoutMs: number;
}

const never = new AbortController().signal;

/**
 * The transaction coordinator. A decided transaction becomes visible partition by partition, each in a step of its own when steps
 * are shuffled: an answer to the producer does not mean that readers see it yet, just as with a real broker.
 */
export class Transactions {
  readonly #known = new Map<string, Known>();
  readonly #steps: Steps;
  readonly #clock: Clock;
  readonly #write: (offsets: GroupOffsets) => readonly (() => void)[];

  /** @param write writes offsets of a group; what it gives shows them. */
  constructor(steps: Steps, clock: Clock, write: (offsets: GroupOffsets) => readonly (() => void)[]) {
    this.#steps = steps;
    this.#clock = clock;
    this.#write = write;
  }

  /** Takes over an id: former epochs are refused from now on, and what they left open is aborted before this resolves. */
  async fence(id: string, timeoutMs: number): Promise<Epoch> {
    const known = this.#known.get(id) ?? { id, epoch: -1, open: null, ending: false, ended: new Bell() };
    this.#known.set(id, known);
    known.epoch += 1;
    const { epoch } = known;
    if (known.open !== null) void this.#end(known, 'aborted');
    while (known.ending) await known.ended.heard([]);
    return { id, epoch, timeoutMs };
  }

  /** Waits until the transaction before is ended everywhere, and opens one. */
  async begin(by: Epoch, process: MemoryProcess): Promise<void> {
    const known = this.#held(by);
    while (known.ending) await known.ended.heard([process.dead]);
    this.#held(by);
    known.open = {
      process,
      begun: this.#clock.now(),
      timeoutMs: by.timeoutMs,
      logs: new Set(),
      shows: [],
    };
    if (process.silent) this.expire(process);
  }

  /** Lets a partition take part; the result is what its records belong to. */
  join(by: Epoch, log: PartitionLog): object {
    const open = this.#open(by);
    open.logs.add(log);
    return open;
  }

  offsets(by: Epoch, offsets: GroupOffsets): void {
    this.#open(by).shows.push(...this.#write(offsets));
  }

  end(by: Epoch, outcome: 'committed' | 'aborted'): void {
    this.#open(by);
    void this.#end(this.#held(by), outcome);
  }

  /** A process stopped or died: its open transactions are aborted, and it is fenced, when their time is over. */
  expire(process: MemoryProcess): void {
    for (const known of this.#known.values()) {
      const { open } = known;
      if (open?.process !== process) continue;
      const left = Math.max(0, open.begun + open.timeoutMs - this.#clock.now());
      void this.#abortAfter(left, known, open);
    }
  }

  async #abortAfter(ms: number, known: Known, open: Open): Promise<void> {
    await this.#clock.sleep(ms, never);
    if (known.open !== open) return;
    known.epoch += 1;
    await this.#end(known, 'aborted');
  }

  async #end(known: Known, outcome: 'committed' | 'aborted'): Promise<void> {
    const open = known.open!;
    known.open = null;
    known.ending = true;
    for (const log of open.logs) {
      if (this.#steps.shuffled) await this.#steps.take(null);
      log.settle(open, outcome);
    }
    if (outcome === 'committed') {
      if (this.#steps.shuffled && open.shows.length > 0) await this.#steps.take(null);
      for (const show of open.shows) show();
    }
    known.ending = false;
    known.ended.ring();
  }

  #held(by: Epoch): Known {
    const known = this.#known.get(by.id);
    if (known?.epoch !== by.epoch) {
      throw new SluiceError('KAFKA_FENCED', `another producer has taken over the transactional id ${by.id}`);
    }
    return known;
  }

  #open(by: Epoch): Open {
    const { open } = this.#held(by);
    if (open === null) throw new SluiceError('KAFKA_FENCED', `the transaction of ${by.id} was ended by the broker`);
    return open;
  }
}
