import { SluiceError } from '../../../src/core/error.ts';
import {
  assertSameJob,
  freshLedger,
  type JobIdentity,
  type Ledger,
  ledgerAfter,
  type Manifest,
} from '../../../src/core/ledger.ts';
import { columnNames } from '../../../src/core/schema.ts';
import type { ScoredBatch } from '../../../src/core/scored-batch.ts';
import type { Sink } from '../../../src/core/sink.ts';

/** What an output holds: the rows as lines, and the offsets of its dead letters. */
interface Content {
  readonly lines: readonly string[];
  readonly letters: readonly number[];
}

/** A part as it survives its writer. */
interface StoredPart extends Content {
  readonly ledger: Ledger | null;
  readonly state: 'open' | 'publishing' | 'published';
  readonly manifest: Manifest | null;
}

const NOTHING: StoredPart = { lines: [], letters: [], ledger: null, state: 'open', manifest: null };

/** Where parts are kept in memory. Each `process` of it may be killed, which frees its locks, as the system does. */
export class PartsMemory {
  readonly #parts = new Map<string, StoredPart>();
  readonly #locks = new Map<string, PartsProcess>();

  process(stepsToLive = Number.POSITIVE_INFINITY): PartsProcess {
    return new PartsProcess(this.#parts, this.#locks, stepsToLive);
  }

  /** Published parts of a split in the order of their offsets. */
  published(split: string): readonly { readonly from: number; readonly through: number; readonly part: StoredPart }[] {
    return [...this.#parts]
      .filter(([key, part]) => key.startsWith(`${split}@`) && part.state === 'published')
      .map(([key, part]) => {
        const from = Number(key.slice(split.length + 1));
        return { from, through: part.manifest!.job['through'] as number, part };
      })
      .toSorted((a, b) => a.from - b.from);
  }

  /** Offsets at which anything was left that is not published. */
  unfinished(split: string): readonly number[] {
    return [...this.#parts]
      .filter(([key, part]) => key.startsWith(`${split}@`) && part.state !== 'published')
      .map(([key]) => Number(key.slice(split.length + 1)));
  }
}

/** One process that writes parts: what it does before or after it was killed never happened. */
export class PartsProcess {
  readonly #parts: Map<string, StoredPart>;
  readonly #locks: Map<string, PartsProcess>;
  #stepsToLive: number;
  /** Called on every step, before it is taken. */
  onStep: (step: string) => void = () => undefined;

  constructor(parts: Map<string, StoredPart>, locks: Map<string, PartsProcess>, stepsToLive: number) {
    this.#parts = parts;
    this.#locks = locks;
    this.#stepsToLive = stepsToLive;
  }

  get alive(): boolean {
    return this.#stepsToLive > 0;
  }

  kill(): void {
    this.#stepsToLive = 0;
    for (const [key, holder] of this.#locks) if (holder === this) this.#locks.delete(key);
  }

  readonly publishedJob = async (split: string, from: number): Promise<JobIdentity | null> => {
    const part = this.#parts.get(`${split}@${from}`);
    return part?.state === 'published' ? part.manifest!.job : null;
  };

  readonly openPart = (split: string, from: number): Sink => {
    const key = `${split}@${from}`;
    let ledger: Ledger = freshLedger({});
    let content: Content = NOTHING;
    let locked = false;
    const stored = (): StoredPart => this.#parts.get(key) ?? NOTHING;
    const commit = async (): Promise<Ledger> => {
      await this.#step('commit');
      this.#parts.set(key, { ...NOTHING, ...content, ledger });
      await this.#step('committed');
      return ledger;
    };
    const close = async (): Promise<void> => {
      if (!this.alive) return;
      if (locked) this.#locks.delete(key);
      locked = false;
    };
    return {
      guarantee: 'exactly-once',
      open: async (job: JobIdentity) => {
        await this.#step('open');
        const holder = this.#locks.get(key);
        if (holder?.alive === true) throw new SluiceError('OUTPUT_LOCKED', `${key} is held`);
        if (stored().state === 'publishing') this.#parts.set(key, { ...stored(), state: 'published' });
        if (stored().state === 'published') throw new SluiceError('OUTPUT_EXISTS', `${key} is finished`);
        this.#locks.set(key, this);
        locked = true;
        const found = stored().ledger;
        if (found !== null) assertSameJob(found.job, job, key);
        ledger = found ?? freshLedger(job);
        content = { lines: stored().lines, letters: stored().letters };
        return found;
      },
      write: async (batch: ScoredBatch, schema) => {
        await this.#step('write');
        if (batch.sequence !== ledger.sequence) throw new Error(`batch ${batch.sequence}, not ${ledger.sequence}`);
        ledger = ledgerAfter(ledger, batch, columnNames(schema));
        const text = new TextDecoder().decode(batch.output.bytes);
        content = {
          lines: [...content.lines, ...text.split('\n').slice(0, -1)],
          letters: [...content.letters, ...batch.deadLetters.map(({ line }) => line!)],
        };
      },
      commit,
      check: async () => undefined,
      publish: async (facts, schema) => {
        await this.#step('publish');
        const manifest = { ...facts, columns: columnNames(schema), objects: [] };
        this.#parts.set(key, { ...content, ledger, state: 'publishing', manifest });
        await this.#step('publishing');
        this.#parts.set(key, { ...content, ledger, state: 'published', manifest });
        await this.#step('published');
        return manifest;
      },
      discard: async () => {
        await this.#step('discard');
        this.#parts.delete(key);
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  };

  async #step(step: string): Promise<void> {
    if (this.alive) this.onStep(step);
    this.#stepsToLive -= 1;
    if (this.#stepsToLive <= 0) this.kill();
    await Promise.resolve();
    if (!this.alive) throw new Error(`killed at ${step}`);
  }
}
