import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** The rows of a scored file with the highest predictions, highest first, as their cells. */
export async function mostDelayed(path: string, count: number): Promise<readonly (readonly string[])[]> {
  let best: { readonly prediction: number; readonly cells: readonly string[] }[] = [];
  let header = true;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (header) {
      header = false;
      continue;
    }
    const prediction = Number(line.slice(0, line.indexOf(',')));
    if (best.length === count && prediction <= best.at(-1)!.prediction) continue;
    best = [...best, { prediction, cells: line.split(',') }]
      .toSorted((a, b) => b.prediction - a.prediction)
      .slice(0, count);
  }
  return best.map(({ cells }) => cells);
}
