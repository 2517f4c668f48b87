import { dirname, join } from 'node:path/posix';
import type { OutputState } from '../../src/sdk.ts';
import { readLedger } from './ledger-hold.ts';
import type { OutputPlaces } from './output-places.ts';
import { isThere } from './publish-upload.ts';
import type { S3Connection } from './s3-connection.ts';
import { s3Url } from './s3-url.ts';

/** What stands at an output. See `OutputLookup`. Rejects with the library's error. */
export async function lookAtObjects(
  connection: S3Connection,
  places: OutputPlaces,
  signal: AbortSignal,
): Promise<OutputState> {
  const { rows, manifest } = places;
  const [there, run] = await Promise.all([isThere(connection, rows, signal), runAt(connection, places, signal)]);
  const folder = dirname(rows.key);
  return {
    isThere: there,
    run,
    manifest: s3Url(manifest),
    keyOf: (name) => (name.startsWith('s3://') ? name : s3Url({ bucket: rows.bucket, key: join(folder, name) })),
  };
}

/** Nobody can read what an upload holds before it is complete. */
const UNREADABLE = { isDurable: true, deadLetters: null } as const;

async function runAt(connection: S3Connection, places: OutputPlaces, signal: AbortSignal): Promise<OutputState['run']> {
  const found = await readLedger(connection, places, signal);
  if (found === null) return null;
  const { name } = places;
  const { ledger } = found;
  const again = 'Run the same job again: it continues.';
  if (ledger === null)
    return { ...UNREADABLE, state: 'broken', says: `${s3Url(places.ledger)} is no ledger of this version of Sluice.` };
  if (ledger.state === 'publishing')
    return {
      ...UNREADABLE,
      state: 'publishing',
      says: `${name} was interrupted while it was being finished. ${again}`,
    };
  if (ledger.state === 'over')
    return {
      state: 'open',
      isDurable: false,
      deadLetters: null,
      says: `${name} is not there, and what a run left of it counts as nothing. Run the job again.`,
    };
  const { bytes } = ledger.objects.rows;
  const says = `${name} is unfinished: ${bytes} bytes of it are durable. ${again}`;
  return { state: 'open', says, isDurable: ledger.committed, deadLetters: null };
}
