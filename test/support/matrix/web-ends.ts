import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WebServer } from '../web-server.ts';
import { csvOf } from './flight-rows.ts';
import { deadIn, scoredIn } from './found-rows.ts';
import type { MatrixPlace, PlacedIntake, PlacedOutput } from './matrix-parts.ts';

/** The rows behind an address, told by an ETag, that can be asked for in parts. */
export async function webIntake({ rows }: MatrixPlace): Promise<PlacedIntake> {
  const server = await WebServer.start();
  server.bodies.set('/in/rows.csv', { bytes: Buffer.from(csvOf(rows)), etag: '"1"', ranges: true });
  return {
    settings: { type: 'http', url: `${server.url}/in/rows.csv` },
    order: rows.map((row) => row.flight_id),
    close: async () => await server.close(),
  };
}

/** An address that the output is put to, by a server that keeps it. */
export async function webOutput({ folder }: MatrixPlace, name: string): Promise<PlacedOutput> {
  const server = await WebServer.start();
  const spool = join(folder, `${name}.csv`);
  const path = `/out/${name}.csv`;
  return {
    settings: { type: 'http', url: `${server.url}${path}`, spool },
    read: async (manifest) => {
      const { bytes } = server.bodies.get(path)!;
      const told = manifest.objects.find(({ role }) => role === 'rows')!;
      const hash = createHash('sha256').update(bytes).digest('hex');
      return {
        parts: [scoredIn(bytes.toString())],
        deadIds: deadIn(await readFile(`${spool}.dead.jsonl`, 'utf8')),
        problems: 'sha256' in told && told.sha256 === hash ? [] : ['the body is not as the manifest says'],
      };
    },
    close: async () => await server.close(),
  };
}
