import type { Source } from '../core/source.ts';

/** What the kit needs to try a source. Made anew for each check, over an intake of its own. */
export interface SourceDriver {
  /** A source for a new run over the intake; the intake stays the same until `change`. */
  source(): Source;
  /** All rows of the intake in their order, a text or null for each field. At least 20, in more than one split if there can be several. */
  readonly records: readonly (readonly (string | null)[])[];
  /** Changes the intake, so that other rows would be read. */
  change(): Promise<void>;
  /** Frees what the driver made. */
  close(): Promise<void>;
}
