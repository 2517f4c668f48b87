import type { LabelFlips, ScoreShift } from './comparison.ts';
import { DifferenceSketch } from './difference-sketch.ts';
import { FlipCounts } from './flip-counts.ts';

/** What a column is looked at for. `prediction`: its first value tells whether it is a score or a label. */
export type ColumnUse = 'score' | 'label' | 'prediction' | 'other';

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
/** From here on a double cannot tell neighbours apart; such numbers are names. */
const LONG_INTEGER = /^[+-]?\d{16,}$/;

/** One compared column, and what was seen of it. */
export class ComparedColumn {
  readonly name: string;
  readonly #tolerance: number;
  readonly #differences = new DifferenceSketch();
  readonly #flips = new FlipCounts();
  #use: ColumnUse;
  #changed = 0;
  #onlyInA = 0;
  #onlyInB = 0;

  constructor(name: string, use: ColumnUse, tolerance: number) {
    this.name = name;
    this.#use = use;
    this.#tolerance = tolerance;
  }

  get changed(): number {
    return this.#changed;
  }

  /** Whether cells that are equal matter. */
  get countsEqual(): boolean {
    return this.#use === 'score' || this.#use === 'prediction';
  }

  /** Two cells of the same bytes. */
  equal(text: string | null): void {
    if (text === null) return;
    this.#decide(text);
    if (this.#use === 'score' && numberOf(text) !== null) this.#differences.add(0);
  }

  /** Two cells of other bytes; gives whether they mean something else. */
  compare(a: string | null, b: string | null): boolean {
    this.#decide(a ?? b);
    const [x, y] = [numberOf(a), numberOf(b)];
    const numbers = x !== null && y !== null;
    if (this.#use === 'score') {
      if (numbers) this.#differences.add(Math.min(Math.max(y - x, -Number.MAX_VALUE), Number.MAX_VALUE));
      else if (b === null) this.#onlyInA += 1;
      else if (a === null) this.#onlyInB += 1;
    }
    if (a === b || (numbers && this.#isClose(a!, x, b!, y))) return false;
    this.#changed += 1;
    if (this.#use === 'label') this.#flips.add(a, b);
    return true;
  }

  /** Null for a column that holds no scores. */
  get shift(): ScoreShift | null {
    if (this.#use !== 'score') return null;
    const sketch = this.#differences;
    return {
      column: this.name,
      pairs: sketch.count,
      mean: sketch.mean,
      meanAbsolute: sketch.meanAbsolute,
      p50: sketch.percentile(0.5),
      p95: sketch.percentile(0.95),
      p99: sketch.percentile(0.99),
      max: sketch.max,
      onlyInA: this.#onlyInA,
      onlyInB: this.#onlyInB,
    };
  }

  /** Null for a column that holds no labels. */
  flips(compared: number): LabelFlips | null {
    return this.#use === 'label' ? this.#flips.result(this.name, compared) : null;
  }

  #decide(text: string | null): void {
    if (this.#use === 'prediction' && text !== null) this.#use = numberOf(text) === null ? 'label' : 'score';
  }

  #isClose(a: string, x: number, b: string, y: number): boolean {
    if (LONG_INTEGER.test(a) && LONG_INTEGER.test(b)) return BigInt(a) === BigInt(b);
    return Math.abs(y - x) <= this.#tolerance;
  }
}

function numberOf(text: string | null): number | null {
  if (text === null || !NUMBER.test(text)) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}
