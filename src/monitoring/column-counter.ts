import { fieldEnd } from '../core/canonical-csv.ts';
import type { ColumnStatistics } from '../core/statistics.ts';
import type { BaselineColumn } from './baseline.ts';
import { CategoryCounter } from './category-counter.ts';
import { NumberCounter } from './number-counter.ts';

/** Counts the cells of one column in one batch after another. */
export interface ColumnCounter {
  readonly name: string;
  /** Counts the canonical cell that starts at `at`; returns its end. */
  read(bytes: Uint8Array, at: number): number;
  /** Counts cells that are not there. */
  miss(cells: number): void;
  /** What was counted, and begins anew. */
  take(): ColumnStatistics;
}

/**
 * @param baseline by whose bins is counted; null counts numbers by themselves and texts by value.
 * @param isLabel that even numbers are texts.
 */
export function columnCounter(name: string, baseline: BaselineColumn | null, isLabel = false): ColumnCounter {
  if (baseline === null && isLabel) return new CategoryCounter(name, null);
  if (baseline === null || baseline.kind === 'number') return new NumberCounter(name, baseline?.edges ?? null);
  return baseline.kind === 'category' ? new CategoryCounter(name, baseline) : new PresenceCounter(name);
}

/** The count of what is missing, and of nothing else. */
class PresenceCounter implements ColumnCounter {
  readonly name: string;
  #missing = 0;
  #present = 0;

  constructor(name: string) {
    this.name = name;
  }

  read(bytes: Uint8Array, at: number): number {
    const end = fieldEnd(bytes, at);
    if (end === at) this.#missing += 1;
    else this.#present += 1;
    return end;
  }

  miss(cells: number): void {
    this.#missing += cells;
  }

  take(): ColumnStatistics {
    const { name } = this;
    const texts = { count: this.#present, values: [] };
    const taken = { name, missing: this.#missing, numbers: null, texts, bins: null };
    this.#missing = 0;
    this.#present = 0;
    return taken;
  }
}
