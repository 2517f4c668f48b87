import { SluiceError } from '../../../core/error.ts';
import type { SinkLedger } from './sink-ledger.ts';

/** What an output is told to be when it is opened. */
export interface FoundLedgerOptions {
  /** For messages. */
  readonly name: string;
  readonly exactlyOnce: boolean;
  readonly overwrite: boolean;
  /** The revision that the broker has as committed; 0: none. Null where the output is not written in transactions. */
  readonly committed: number | null;
}

/** Where an output continues: behind `revision`, with `ledger`, or anew when that is null. */
export interface FoundLedger {
  readonly revision: number;
  readonly ledger: SinkLedger | null;
}

/**
 * Chooses the ledger that counts among those that are in the log, oldest first. In transactions it is the last one of the committed
 * revision: one of a later revision was never committed, and so were those of the same revision before it. Without transactions it is the last one.
 */
export function foundLedger(all: readonly SinkLedger[], options: FoundLedgerOptions): FoundLedger {
  const { name, exactlyOnce, overwrite, committed } = options;
  const highest = all.reduce((most, { revision }) => Math.max(most, revision), committed ?? 0);
  if (overwrite) return { revision: highest, ledger: null };
  const last = all.at(-1);
  if (last !== undefined && last.exactlyOnce !== exactlyOnce) {
    throw new SluiceError(
      'LEDGER_OTHER_JOB',
      `${name} was begun with exactlyOnce: ${last.exactlyOnce}, and is now to be continued with ${exactlyOnce}. Undo the change, or start anew with --overwrite.`,
    );
  }
  const counts = committed === null ? last : all.findLast(({ revision }) => revision === committed);
  if (counts === undefined && (committed ?? 0) > 0) {
    throw new SluiceError(
      'LEDGER_BROKEN',
      `${name} has ledger ${committed} as committed, but it is not in the ledger topic; start anew with --overwrite`,
    );
  }
  if (counts === undefined) refuseForgotten(all, name);
  if ((counts ?? null)?.manifest) throw exists(name);
  return { revision: committed ?? highest, ledger: counts ?? null };
}

/** A broker forgets a committed offset after a time (`offsets.retention.minutes`, 7 days by default); the log of the ledgers stays. */
function refuseForgotten(all: readonly SinkLedger[], name: string): void {
  if (all.some(({ manifest }) => manifest !== null)) throw exists(name);
  // The first record of a run says only that it begins: behind it there were rows.
  if (all.some(({ revision }) => revision > 1)) {
    throw new SluiceError(
      'LEDGER_BROKEN',
      `the run that wrote ${name} was interrupted longer ago than the broker keeps offsets (offsets.retention.minutes), so it is not known how far it came; start anew with --overwrite`,
    );
  }
}

function exists(name: string): SluiceError {
  return new SluiceError(
    'OUTPUT_EXISTS',
    `this job has written all its rows to ${name} already; --overwrite writes them once more, behind those that are there`,
  );
}
