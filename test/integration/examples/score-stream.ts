import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { score } from 'sluice';

/** Scores what flows from one stream to another. */
export async function scoreStream(server: string, file: string, path: string): Promise<void> {
  await pipeline(
    createReadStream(file),
    score({ deployment: { id: 'flights', server }, passthroughColumns: ['flight_id'] }),
    createWriteStream(path),
  );
}
