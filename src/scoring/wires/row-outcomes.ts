import type { RowFailure } from '../../core/scorer.ts';

/** What a server says of each row, before it is a table: `width` numbers, or a label. */
export interface RowOutcomes {
  readonly rows: number;
  /** Numbers of each row; 0 when the server gives labels, or nothing was scored. */
  readonly width: number;
  /** Where the text of each number lies in `source`: its start and end, number by number and row by row. */
  readonly bounds: Uint32Array;
  readonly source: Uint8Array;
  /** What the numbers of a row are called, where the server names them. */
  readonly names: readonly string[] | null;
  /** The label of each row as text, where the server gives labels. What stands for a failed row has no meaning. */
  readonly labels: readonly string[] | null;
  /** Whether the numbers are float32, of which a difference is rounded to seven digits and not to sixteen. */
  readonly float32: boolean;
  /** Sorted by row. */
  readonly failures: readonly RowFailure[];
}
