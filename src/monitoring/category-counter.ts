import { encodeField } from '../core/canonical-csv.ts';
import { type ColumnStatistics, NO_VALUES } from '../core/statistics.ts';
import { Cell } from './cell.ts';
import { ValueTally } from './value-tally.ts';

interface KnownTexts {
  readonly categories: readonly string[];
  readonly others: readonly string[];
  readonly isComplete: boolean;
}

const encoder = new TextEncoder();

/** Counts a column of texts: by the categories of a baseline, or without one by value. */
export class CategoryCounter {
  readonly name: string;
  readonly #cell = new Cell();
  readonly #texts = new ValueTally();
  /** Bin of each known text by its hash; null without a baseline. */
  readonly #known: ReadonlyMap<number, number> | null;
  /** Bin of texts that are not known. */
  readonly #unknown: number;
  readonly #bins: number[];
  #missing = 0;

  constructor(name: string, baseline: KnownTexts | null) {
    this.name = name;
    const { categories = [], others = [], isComplete = true } = baseline ?? {};
    const other = categories.length;
    this.#known =
      baseline === null
        ? null
        : new Map([
            ...categories.map((text, bin) => [this.#hashOf(text), bin] as const),
            ...others.map((text) => [this.#hashOf(text), other] as const),
          ]);
    this.#unknown = isComplete ? other + 1 : other;
    this.#bins = Array.from({ length: baseline === null ? 0 : other + 2 }, () => 0);
  }

  read(bytes: Uint8Array, at: number): number {
    const cell = this.#cell;
    const end = cell.text(bytes, at);
    if (cell.isMissing) this.#missing += 1;
    else if (this.#known === null) this.#texts.add(cell.hash, bytes, at, end);
    else this.#bins[this.#known.get(cell.hash) ?? this.#unknown]! += 1;
    return end;
  }

  miss(cells: number): void {
    this.#missing += cells;
  }

  take(): ColumnStatistics {
    const { name } = this;
    const taken: ColumnStatistics =
      this.#known === null
        ? { name, missing: this.#missing, numbers: null, texts: this.#texts.take(), bins: null }
        : { name, missing: this.#missing, numbers: null, texts: NO_VALUES, bins: [...this.#bins] };
    this.#bins.fill(0);
    this.#missing = 0;
    return taken;
  }

  #hashOf(text: string): number {
    this.#cell.text(encoder.encode(`${encodeField(text)}\n`), 0);
    return this.#cell.hash;
  }
}
