import type { SqlDialect } from './dialect.ts';
import type { SqlConnection } from './driver.ts';
import { SqlFault } from './sql-fault.ts';

/** A row that the database would not have. */
export interface RefusedRow {
  readonly row: number;
  readonly reason: string;
}

/** One way to put the rows `from` to `to` (exclusive) into a table. */
export type Attempt = (from: number, to: number) => Promise<void>;

/** As many go in about as fast as one. */
const FEW_ROWS = 256;

/**
 * Puts rows into a table within the open transaction, and finds those that the database refuses: by the row that its error names, else by
 * halving. All others are in when it returns, in their order.
 * @param onRefused told of each; what it throws ends the work.
 */
export async function withoutRefused(
  { from, to }: { readonly from: number; readonly to: number },
  attempt: Attempt,
  connection: SqlConnection,
  { savepoint }: SqlDialect,
  onRefused: (refused: RefusedRow) => void | Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const pending: [number, number][] = [[from, to]];
  // Where bad rows are many, all that comes behind one would be sent again for each of them: it is sent in parts then.
  let most = Number.POSITIVE_INFINITY;
  for (let range = pending.pop(); range !== undefined; range = pending.pop()) {
    const [first, last] = range;
    if (first >= last) continue;
    const end = Math.min(last, first + most);
    pending.push([end, last]);
    await connection.execute(savepoint.set, [], signal);
    try {
      await attempt(first, end);
      if (savepoint.release !== null) await connection.execute(savepoint.release, [], signal);
      most = Math.max(most, 2 * (end - first));
    } catch (error) {
      if (!(error instanceof SqlFault) || error.kind !== 'row') throw error;
      await connection.execute(savepoint.rollback, [], signal);
      // It is there still, and the next of its name would only hide it: thousands of them slow the transaction down.
      if (savepoint.release !== null) await connection.execute(savepoint.release, [], signal);
      const named = error.row === undefined ? null : first + error.row;
      if (named !== null && named >= first && named < end) {
        pending.push([named + 1, end]);
        if (named > first) {
          most = Math.max(FEW_ROWS, 2 * (named - first));
          pending.push([named, named + 1], [first, named]);
        } else await onRefused({ row: named, reason: error.message });
      } else if (end - first === 1) await onRefused({ row: first, reason: error.message });
      else {
        const middle = first + ((end - first) >> 1);
        pending.push([middle, end], [first, middle]);
      }
    }
  }
}
