import type { Sha256Mark } from '../../src/sdk.ts';

/** What a ledger says that one run has written; kept in `Ledger.holds`. */
export interface SqlHolds {
  /** Rows in the table; 0 as long as they are staged. */
  readonly rows: number;
  /** Rows in the stage; null for a run that has none that lasts. */
  readonly staged: number | null;
  /** Rows that the table refused. */
  readonly refused: number;
  /** Dead letters, those of refused rows among them. */
  readonly letters: number;
  /** Of all rows in canonical CSV, in their order, refused ones among them. */
  readonly mark: Sha256Mark;
  /** Of the dead letters as lines of JSON. */
  readonly letterMark: Sha256Mark;
  readonly runColumn: string | null;
  /** Whether the table had no rows of anybody else when the run began. */
  readonly whole: boolean;
  /** Finished runs whose rows go when this one's come. */
  readonly replaces: readonly string[];
}
