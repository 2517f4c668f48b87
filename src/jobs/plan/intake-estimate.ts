import type { Json } from '../../core/json.ts';
import type { IntakeSample } from './intake-sample.ts';

/** A figure that is not known to the unit. */
export interface Estimate {
  readonly least: number;
  readonly likely: number;
  readonly most: number;
}

/** What an intake holds. Null: nobody can tell before it is read. */
export interface IntakeEstimate {
  readonly rows: Estimate | null;
  /** As canonical CSV: what requests carry in all. */
  readonly csvBytes: Estimate | null;
  /** As it is stored; null where the source does not know. */
  readonly storedBytes: number | null;
}

export const exactly = (value: number): Estimate => ({ least: value, likely: value, most: value });

export function scaled({ least, likely, most }: Estimate, factor: number): Estimate {
  return { least: least * factor, likely: likely * factor, most: most * factor };
}

/** Rows of other places may be larger or smaller than those of the sample, which are mostly the first ones; packed ones vary more. */
const MARGIN = 0.25;
const PACKED_MARGIN = 0.4;

/**
 * From a sample to the whole: by the sizes of the splits, or by the offsets of topics.
 * @param packed bytes of the sample when it is packed as the intake is; null for an intake that is not.
 */
export function estimateIntake(sample: IntakeSample, packed: number | null): IntakeEstimate {
  const { splits, rows, csvBytes, isWhole } = sample;
  const sizes = splits.map(({ bytes }) => bytes);
  const stored = sizes.includes(null) ? null : sizes.reduce<number>((sum, bytes) => sum + bytes!, 0);
  if (isWhole) return { rows: exactly(rows), csvBytes: exactly(csvBytes), storedBytes: stored };
  const perRow = rows === 0 ? 0 : csvBytes / rows;
  const messages = offsetsOf(sample.identity);
  if (messages !== null) {
    // Transactions and compaction leave offsets without a message.
    const all = { least: rows, likely: messages, most: messages };
    return { rows: all, csvBytes: scaled(all, perRow), storedBytes: null };
  }
  if (stored === null || rows === 0) return { rows: null, csvBytes: null, storedBytes: stored };
  // What was read does not tell: a chunk is read ahead of the rows. Plain ones are as large as their CSV, or nearly so.
  const storedPerRow = packed === null ? perRow : packed / rows;
  const likely = Math.max(rows, Math.round(stored / storedPerRow));
  const margin = Math.max(packed === null ? MARGIN : PACKED_MARGIN, spreadOf(sample));
  const all = {
    least: Math.max(rows, Math.floor(likely * (1 - margin))),
    likely,
    most: Math.ceil(likely * (1 + margin)),
  };
  return { rows: all, csvBytes: scaled(all, perRow), storedBytes: stored };
}

/** How far the sizes of rows of single batches are from their mean, as a share of it: two standard errors. */
function spreadOf({ batches }: IntakeSample): number {
  const sizes = batches.filter(({ rows }) => rows > 0).map(({ bytes, rows }) => bytes.length / rows);
  if (sizes.length < 2) return 0.25;
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const variance = sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / (sizes.length - 1);
  return Math.min(0.9, (2 * Math.sqrt(variance / sizes.length)) / mean);
}

/** How many offsets the ranges of topics have, as the identity of such an intake says; null for any other intake. */
function offsetsOf(identity: Json): number | null {
  if (!Array.isArray(identity) || identity.length === 0) return null;
  let offsets = 0;
  for (const range of identity as readonly { readonly from?: unknown; readonly until?: unknown }[]) {
    if (typeof range.from !== 'number' || typeof range.until !== 'number') return null;
    offsets += range.until - range.from;
  }
  return offsets;
}
