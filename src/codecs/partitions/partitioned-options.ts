import type { Clock } from '../../core/clock.ts';
import type { ObjectStore, OutputLookup, WholeObjects } from '../../core/object-store.ts';
import type { ParquetCompression } from '../parquet/packing.ts';
import type { DividingLimits } from './divided-rows.ts';
import type { PartitionKeysOptions } from './partition-keys.ts';

/** What a partitioned output needs of its store. */
export type PartitionedStore = ObjectStore & OutputLookup & WholeObjects;

export interface PartitionedSinkOptions {
  /** Where the output goes. */
  readonly store: PartitionedStore;
  /** The same place without a special place for dead letters. */
  readonly spoolStore: PartitionedStore;
  /** The folder, with a slash at its end. */
  readonly prefix: string;
  readonly partitionColumns: readonly string[];
  readonly compression: ParquetCompression;
  readonly overwrite: boolean;
  readonly nearest: PartitionKeysOptions['nearest'];
  readonly clock: Clock;
  /** Default: `DIVIDING_LIMITS`. */
  readonly limits?: DividingLimits;
}
