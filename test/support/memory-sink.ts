import { freshLedger, type JobIdentity, type Ledger, ledgerAfter, type Manifest } from '../../src/core/ledger.ts';
import { columnNames, type Schema } from '../../src/core/schema.ts';
import type { DeadLetter, ScoredBatch } from '../../src/core/scored-batch.ts';
import type { Sink } from '../../src/core/sink.ts';

/** What survives a crash of a run that writes to memory. */
export class MemoryStorage {
  rows = '';
  deadLetters: readonly DeadLetter[] = [];
  ledger: Ledger | null = null;
  published: readonly string[] | null = null;
}

/** A sink whose durable part is a `MemoryStorage`: what was not committed is gone with the sink. */
export function memorySink(
  storage: MemoryStorage,
  onWrite: (batch: ScoredBatch) => Promise<void> = async () => undefined,
): Sink {
  let job: JobIdentity = {};
  let { rows, deadLetters, ledger } = storage;
  const commit = async (): Promise<Ledger> => {
    const durable = ledger ?? freshLedger(job);
    Object.assign(storage, { rows, deadLetters, ledger: durable });
    return durable;
  };
  return {
    guarantee: 'exactly-once',
    open: async (wanted) => {
      job = wanted;
      ({ rows, deadLetters, ledger } = storage);
      return ledger;
    },
    write: async (batch, schema) => {
      await onWrite(batch);
      rows += new TextDecoder().decode(batch.output.bytes);
      deadLetters = [...deadLetters, ...batch.deadLetters];
      ledger = ledgerAfter(ledger ?? freshLedger(job), batch, columnNames(schema));
    },
    commit,
    publish: async (facts, schema: Schema): Promise<Manifest> => {
      await commit();
      storage.published = columnNames(schema);
      return { ...facts, columns: columnNames(schema), objects: [] };
    },
    check: async () => undefined,
    discard: async () => undefined,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
