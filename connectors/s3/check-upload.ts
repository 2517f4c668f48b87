import { brokenLedger, readLedger, stillHeld } from './ledger-hold.ts';
import type { OutputPlaces } from './output-places.ts';
import { outputExists } from './publish-upload.ts';
import type { S3Connection } from './s3-connection.ts';
import { s3Fault } from './s3-fault.ts';
import type { S3Ledger } from './s3-ledger.ts';
import { assertNothingThere, assertSameDeadLetters } from './stage-upload.ts';
import { abortUpload, createUpload } from './upload-requests.ts';

/**
 * Whether `stageUpload` would take the output now. Takes nothing: that it may be written is tried by an upload that is begun and given up at
 * once, which nobody sees. See `ObjectStore.checkOutput`.
 */
export async function checkUpload(
  connection: S3Connection,
  places: OutputPlaces,
  overwrite: boolean,
  signal: AbortSignal,
): Promise<void> {
  try {
    const ledger = await freeLedger(connection, places, signal);
    if (ledger === 'broken' && !overwrite) throw brokenLedger(places);
    if (ledger !== null && ledger !== 'broken' && !overwrite) {
      if (ledger.state === 'open') assertSameDeadLetters(places, ledger);
      // Taking it would finish it.
      if (ledger.state === 'publishing') throw outputExists(places.name);
    }
    if (!overwrite) await assertNothingThere(connection, places, signal);
    const id = await createUpload(connection, places.rows, null, signal);
    await abortUpload(connection, places.rows, id, signal);
  } catch (error) {
    throw s3Fault(error, { doing: 'write', name: places.name, endpoint: connection.endpoint });
  }
}

/** The ledger of an output that nobody writes. Throws OUTPUT_LOCKED when somebody does. */
async function freeLedger(
  connection: S3Connection,
  places: OutputPlaces,
  signal: AbortSignal,
): Promise<S3Ledger | 'broken' | null> {
  for (let found = await readLedger(connection, places, signal); ; ) {
    if (found === null) return null;
    const { ledger, etag } = found;
    if (ledger === null) return 'broken';
    const seen = await stillHeld(connection, places, { ledger, etag }, signal);
    if (seen === 'free') return ledger;
    found = seen;
  }
}
