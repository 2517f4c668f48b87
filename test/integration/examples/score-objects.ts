import { Readable } from 'node:stream';
import { type ObjectRow, scoreObjects } from 'sluice';

/** Scores objects; gives the predicted delay of each, in minutes. */
export async function delays(server: string, flights: readonly ObjectRow[]): Promise<number[]> {
  const scored = Readable.from(flights).pipe(scoreObjects({ deployment: { id: 'flights', server } }));
  return scored.map((row: { delay_PREDICTION: number }) => row.delay_PREDICTION).toArray();
}
