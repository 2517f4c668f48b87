import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

const DATA = join(import.meta.dirname, '../../node_modules/vega-datasets/data/flights-3m.parquet');
const HEADER = 'flight_id,date,delay,distance,origin,destination\n';

type Flight = readonly [date: Date, delay: bigint, distance: bigint, origin: string, destination: string];

/**
 * Makes a CSV file of three million real flights (US, 2001; from the npm package vega-datasets) with a number for each,
 * unless it is there already.
 * @param wanted the first so many of them, if there are as many.
 * @returns its rows, when they were made just now; null for a file that was there.
 */
export async function makeFlightsFile(path: string, wanted = Number.POSITIVE_INFINITY): Promise<number | null> {
  if (existsSync(path) && statSync(path).size > 0) return null;
  mkdirSync(dirname(path), { recursive: true });
  const file = await asyncBufferFromFile(DATA);
  const metadata = await parquetMetadataAsync(file);
  const out = createWriteStream(`${path}.new`);
  out.write(HEADER);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = Math.min(wanted, rowStart + Number(group.num_rows));
    let rows: readonly Flight[] = [];
    await parquetRead({
      file,
      metadata,
      compressors,
      rowStart,
      rowEnd,
      onComplete: (read) => (rows = read as unknown as readonly Flight[]),
    });
    const first = rowStart + 1;
    const text = rows.map(
      ([date, delay, distance, origin, destination], i) =>
        `${first + i},${timestamp(date)},${delay},${distance},${origin},${destination}\n`,
    );
    if (!out.write(text.join(''))) await once(out, 'drain');
    rowStart = rowEnd;
    if (rowStart === wanted) break;
  }
  out.end();
  await once(out, 'finish');
  renameSync(`${path}.new`, path);
  return rowStart;
}

/** `2001-01-01T00:01`: the data has no seconds. */
function timestamp(date: Date): string {
  return date.toISOString().slice(0, 16);
}
