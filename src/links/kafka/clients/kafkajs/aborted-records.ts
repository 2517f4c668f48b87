/** What kafkajs makes of the records of one partition in the answer to a fetch, as far as it is needed here. */
export interface FetchedRecords {
  /** In the order of their ends. */
  abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[] | null;
  readonly messages: readonly FetchedRecord[];
}

interface FetchedRecord {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
  isControlRecord: boolean;
}

/** The key of a control record is a version and a type. */
const ABORT = 0;

/**
 * Hides the records of aborted transactions: kafkajs hands over no control records, so they become such, and it goes on behind them. Its
 * own look at them (2.2.4) takes the transactions for sorted by their beginnings, one at a time, and every abort, or key of four zero
 * bytes, for the end of the one that it found last: where several producers write one partition it shows what was aborted.
 */
export function hideAborted(fetched: FetchedRecords): void {
  const { abortedTransactions, messages } = fetched;
  if (abortedTransactions === null || abortedTransactions.length === 0) return;
  const coming = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, first: BigInt(firstOffset) }))
    .toSorted((a, b) => (a.first < b.first ? 1 : -1));
  const aborted = new Set<string>();
  for (const message of messages) {
    const { producerId, inTransaction } = message.batchContext;
    for (let next = coming.at(-1); next !== undefined && next.first <= BigInt(message.offset); next = coming.at(-1)) {
      aborted.add(next.producerId);
      coming.pop();
    }
    if (!message.isControlRecord) message.isControlRecord = inTransaction && aborted.has(producerId);
    else if (message.key?.readInt16BE(2) === ABORT) aborted.delete(producerId);
  }
  fetched.abortedTransactions = [];
}
