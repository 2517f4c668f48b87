import type { Clock } from '../../src/sdk.ts';
import type { SqlConnection, SqlDriver } from './driver.ts';
import { SqlFault } from './sql-fault.ts';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;

/** Connects, trying again for as long as the database may take to come (back); other faults than a missing connection come out at once. */
export async function connectPatiently(
  driver: SqlDriver,
  patienceMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<SqlConnection> {
  const deadline = clock.now() + patienceMs;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    try {
      return await driver.connect(signal);
    } catch (error) {
      const left = deadline - clock.now();
      if (!(error instanceof SqlFault) || error.kind !== 'connection' || left <= 0) throw error;
      await clock.sleep(Math.min(left, wait * (0.5 + clock.random() / 2)), signal);
    }
  }
}
