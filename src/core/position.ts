import type { Json } from './json.ts';

/**
 * Where a source continues within one split. JSON, opaque to all but the source that made it: the engine stores
 * it, hands it back, and compares it for equality only. Two equal positions continue at the same row.
 */
export type Position = Json;

/** A place in a whole intake: everything before `split` is done, and `split` is done through `after`. */
export interface IntakePosition {
  readonly split: string;
  readonly after: Position;
}
