import type { Clock } from '../../../src/core/clock.ts';
import { SluiceError } from '../../../src/core/error.ts';
import type { GroupOffsets } from '../../../src/links/kafka/client.ts';
import { Bell } from './bell.ts';
import type { MemoryProcess } from './memory-process.ts';
import type { PartitionLog } from './partition-log.ts';
import type { Steps } from './steps.ts';

type Outcome = 'committed' | 'aborted';

/** A transactional id as the broker knows it. */
interface Known {
  readonly id: string;
  epoch: number;
  open: Open | null;
  /** The markers of a decided transaction are being written. */
  ending: boolean;
  /** What was decided last. */
  outcome: Outcome | null;
  /** Decided, and yet open: their markers were lost. The next markers of the id end them. */
  readonly left: Set<Open>;
  readonly ended: Bell;
}

interface Open {
  readonly process: MemoryProcess;
  readonly begun: number;
  readonly timeoutMs: number;
  readonly logs: Set<PartitionLog>;
  /** Show what it has committed of groups. */
  shows: (() => void)[];
}

/** One producer's right to an id: good until the next `fence` of the same id. */
export interface Epoch {
  readonly id: string;
  readonly epoch: number;
  readonly timeoutMs: number;
  /** What was decided last of whoever had the id. */
  readonly outcome: Outcome | null;
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
    const known = this.#known.get(id) ?? {
      id,
      epoch: -1,
      open: null,
      ending: false,
      outcome: null,
      left: new Set(),
      ended: new Bell(),
    };
    this.#known.set(id, known);
    known.epoch += 1;
    const { epoch } = known;
    if (known.open !== null) void this.#end(known, 'aborted');
    while (known.ending) await known.ended.heard([]);
    return { id, epoch, timeoutMs, outcome: known.outcome };
  }

  /** Waits until the transaction before is ended everywhere, and opens one. The id has to be taken anew when its markers were lost. */
  async begin(by: Epoch, process: MemoryProcess, completes = false): Promise<void> {
    const known = this.#held(by);
    while (known.ending) await known.ended.heard([process.dead]);
    this.#held(by);
    if (known.left.size > 0 && !completes)
      throw new SluiceError('KAFKA_UNREACHABLE', 'the coordinator was away for a while');
    known.open = {
      process,
      begun: this.#clock.now(),
      timeoutMs: by.timeoutMs,
      logs: new Set(),
      shows: [],
    };
    if (process.silent) this.expire(process);
  }

  /** A transaction of no records in some partitions, ended as the one before was. */
  async complete(by: Epoch, process: MemoryProcess, logs: readonly PartitionLog[]): Promise<void> {
    if (by.outcome === null) return;
    await this.begin(by, process, true);
    for (const log of logs) this.join(by, log);
    this.#held(by).open!.shows.push(() => undefined);
    await this.#end(this.#held(by), by.outcome);
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

  end(by: Epoch, outcome: Outcome): void {
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

  async #end(known: Known, outcome: Outcome): Promise<void> {
    const open = known.open!;
    known.open = null;
    known.ending = true;
    known.outcome = outcome;
    await this.#mark(known, open, outcome);
    known.ending = false;
    known.ended.ring();
  }

  /** Writes the markers. Where they are written they end what former transactions of the id have left there, too. */
  async #mark({ left }: Known, open: Open, outcome: Outcome): Promise<void> {
    const { process } = open;
    const lost = outcome === 'committed' ? process.losesMarkers : null;
    if (lost !== null) process.losesMarkers = null;
    left.add(open);
    let written = 0;
    const next = async (): Promise<boolean> => {
      if (written === lost) return false;
      written += 1;
      if (this.#steps.shuffled) await this.#steps.take(null);
      return true;
    };
    for (const log of open.logs) {
      if (!(await next())) return;
      for (const one of left) if (one.logs.delete(log)) log.settle(one, outcome);
    }
    if (open.shows.length > 0) {
      if (!(await next())) return;
      for (const one of left) {
        const { shows } = one;
        one.shows = [];
        if (outcome === 'committed') for (const show of shows) show();
      }
    }
    for (const one of left) if (one.logs.size === 0 && one.shows.length === 0) left.delete(one);
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
