import type { Sink } from '../core/sink.ts';
import type { PublishedOutput } from './published-output.ts';
import type { SinkPlan, SinkPlanSize } from './sink-plan.ts';

/** Where one output is written, by one run after another. */
export interface SinkPlace {
  /** A sink for a new run over the place, as a process of its own would make it. */
  sink(options: { readonly overwrite: boolean }): Sink;
  /** What is visible under the output's own name; null when there is nothing. */
  published(): Promise<PublishedOutput | null>;
  /** The names of all else that is there: staged data, ledgers, locks. Empty when nothing is under way. */
  leftovers(): Promise<readonly string[]>;
  /** Spoils a durable byte of the rows of an interrupted output. */
  spoil(): Promise<void>;
  /**
   * Runs `runWholeOutput` in a process of its own that is killed (SIGKILL) in place of its `operation`-th change of the outside
   * world, from 0. Says whether it came so far.
   */
  killedRun(size: SinkPlanSize, operation: number): Promise<'killed' | 'finished'>;
  /** Frees what the driver made for the place. */
  close(): Promise<void>;
}

/** What the kit needs to try a sink that promises `exactly-once`. */
export interface SinkDriver {
  /** A new, empty place. */
  place(): Promise<SinkPlace>;
  /** Batches of such a size that a sink that commits at certain places only has at least three of them in a run. */
  readonly plan: SinkPlan;
  /**
   * For the runs that are killed, of which there are many: as small a plan as still has one commit before the last batch,
   * killed at every `every`-th of its operations.
   */
  readonly killed: { readonly plan: SinkPlan; readonly every: number };
  /**
   * True for a table that gets its rows commit by commit, among those of others: the new rows take the place of old ones with the first
   * commit and not the last, nobody can see whether somebody changed them, and `published` means that the ledger says finished.
   */
  readonly inPlace?: boolean;
  /** After how many different numbers of batches a run is ended, where a check ends runs early. Default 9. */
  readonly endings?: number;
  /** At how many places, each new, a check that needs many may work at the same time. Default 1. */
  readonly sideBySide?: number;
}
