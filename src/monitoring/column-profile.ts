import { decodeField } from '../core/canonical-csv.ts';
import type { BaselineColumn } from './baseline.ts';
import { MOST_CATEGORIES, MOST_OTHERS } from './baseline.ts';
import { Cell } from './cell.ts';
import { numberBelow } from './number-below.ts';
import { NumberSample } from './number-sample.ts';

/** Different texts that are counted; a column of more is none of categories. */
const MOST_TEXTS = 20_000;
/** A column of numbers with so many different ones at the most has a bin for each. */
const FEW_NUMBERS = 10;
/** Rows from which on it means something that no value came twice. */
const ENOUGH_ROWS = 100;

type Bins = BaselineColumn extends infer C ? (C extends BaselineColumn ? Omit<C, 'statistics'> : never) : never;

/** What a column of a baseline is, found out from its cells. */
export class ColumnProfile {
  readonly #cell = new Cell();
  readonly #sample = new NumberSample();
  /** Different numbers, while they are few. */
  readonly #few = new Set<number>();
  /** Numbers among them: a column may turn out to be one of categories. */
  readonly #texts = new Map<string, number>();
  #hasTooMany = false;
  #numbers = 0;
  #strings = 0;
  #isRising = true;
  #last = Number.NEGATIVE_INFINITY;

  /** Looks at the canonical cell that starts at `at`; returns its end. */
  read(bytes: Uint8Array, at: number): number {
    const cell = this.#cell;
    const end = cell.number(bytes, at);
    const { value } = cell;
    if (value === value) {
      this.#numbers += 1;
      this.#sample.add(value);
      if (this.#few.size <= FEW_NUMBERS) this.#few.add(value);
      if (value <= this.#last) this.#isRising = false;
      this.#last = value;
    } else if (!cell.isMissing) {
      this.#strings += 1;
    }
    if (end > at && !this.#hasTooMany) this.#count(decodeField(bytes, at, end)!);
    return end;
  }

  /**
   * Numbers where all but one in a hundred are. What rises with every row, or hardly ever comes twice as a text, names the row and
   * tells nothing of drift.
   * @param isLabel that even numbers are categories.
   */
  bins(isLabel: boolean): Bins {
    const present = this.#numbers + this.#strings;
    if (!isLabel && this.#numbers > 0 && this.#strings <= present / 100) {
      if (this.#isRising && this.#numbers >= ENOUGH_ROWS) return { kind: 'untracked' };
      return { kind: 'number', edges: this.#edges() };
    }
    const isText = this.#hasTooMany || (present >= ENOUGH_ROWS && this.#texts.size > present / 2);
    if (isText) return { kind: 'untracked' };
    const sorted = [...this.#texts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([text]) => text);
    return {
      kind: 'category',
      categories: sorted.slice(0, MOST_CATEGORIES),
      others: sorted.slice(MOST_CATEGORIES, MOST_CATEGORIES + MOST_OTHERS),
      isComplete: sorted.length <= MOST_CATEGORIES + MOST_OTHERS,
    };
  }

  #count(text: string): void {
    this.#texts.set(text, (this.#texts.get(text) ?? 0) + 1);
    this.#hasTooMany = this.#texts.size > MOST_TEXTS;
  }

  #edges(): readonly number[] {
    const edges = this.#edgesBetween();
    if (edges.length > 0) return edges;
    // Nearly every row has the same number: by one interval of all numbers another one would be no drift.
    const usual = this.#sample.sorted().at(-1)!;
    return [numberBelow(usual), usual].filter(Number.isFinite);
  }

  /** Below the greatest number. */
  #edgesBetween(): readonly number[] {
    if (this.#few.size <= FEW_NUMBERS) return [...this.#few].toSorted((a, b) => a - b).slice(0, -1);
    const sorted = this.#sample.sorted();
    const deciles = Array.from({ length: 9 }, (_, i) => sorted[Math.ceil(((i + 1) * sorted.length) / 10) - 1]!);
    // The greatest number as an edge would leave the last bin empty.
    return [...new Set(deciles)].filter((edge) => edge < sorted.at(-1)!);
  }
}
