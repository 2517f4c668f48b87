import { COMMA, encodeField, LF } from '../../core/canonical-csv.ts';
import { qualitativeStrength } from '../../core/qualitative-strength.ts';
import type { ScoreColumn, Scores } from '../../core/scorer.ts';
import { columnsOf, explanationNames } from '../wires/datarobot-columns.ts';

/** A feature of one row with its strength. */
export interface FeatureStrength {
  readonly feature: string;
  readonly strength: number;
  /** The row's own field of it, as canonical CSV. */
  readonly field: string;
}

/**
 * The cells of the strongest features of a row as canonical CSV, four for each: name, strength, value, signs. Features without any effect
 * are left out, equally strong ones are in the order of their names, and what is missing is blank: as a server of DataRobot's wire has them.
 */
export function explanationCells(features: readonly FeatureStrength[], maximum: number): string {
  const total = features.reduce((sum, { strength }) => sum + Math.abs(strength), 0);
  const ranked = features
    .filter(({ strength }) => strength !== 0)
    .toSorted((a, b) => Math.abs(b.strength) - Math.abs(a.strength) || (a.feature < b.feature ? -1 : 1))
    .slice(0, maximum);
  const cells = ranked.map(({ feature, strength, field }) => {
    const signs = qualitativeStrength(strength, total, features.length);
    return `${encodeField(feature)},${strength},${field},${signs}`;
  });
  return [...cells, ...Array.from({ length: maximum - ranked.length }, () => BLANK)].join(',');
}

const BLANK = ',,,';
const encoder = new TextEncoder();

/** Replies' columns with those of explanations behind them. */
export class ExplainedColumns {
  readonly #blank: Uint8Array;
  readonly #own: readonly ScoreColumn[];
  #known: { readonly of: readonly ScoreColumn[]; readonly columns: readonly ScoreColumn[] } | null = null;

  constructor(maximum: number) {
    this.#own = columnsOf(explanationNames(maximum));
    this.#blank = encoder.encode(Array.from({ length: maximum }, () => BLANK).join(','));
  }

  /** @param cells by row, from `explanationCells`; rows without any are blank. */
  joined(scores: Scores, cells: ReadonlyMap<number, string>): Scores {
    const added = Array.from({ length: scores.rows }, (_, row) => {
      const text = cells.get(row);
      return text === undefined ? this.#blank : encoder.encode(text);
    });
    const bytes = new Uint8Array(added.reduce((sum, cell) => sum + cell.length + 1, scores.bytes.length));
    const ends = new Uint32Array(scores.rows);
    let at = 0;
    for (const [row, cell] of added.entries()) {
      const start = row === 0 ? 0 : scores.ends[row - 1]!;
      const record = scores.bytes.subarray(start, scores.ends[row]! - 1);
      bytes.set(record, at);
      at += record.length;
      bytes[at] = COMMA;
      bytes.set(cell, at + 1);
      at += cell.length + 1;
      bytes[at] = LF;
      at += 1;
      ends[row] = at;
    }
    const { rows, failures, model } = scores;
    return { rows, columns: this.#columns(scores.columns), bytes: bytes.subarray(0, at), ends, failures, model };
  }

  /** The same list for replies of the same columns: whoever reads them knows a list again. */
  #columns(of: readonly ScoreColumn[]): readonly ScoreColumn[] {
    if (this.#known?.of !== of) this.#known = { of, columns: [...of, ...this.#own] };
    return this.#known.columns;
  }
}
