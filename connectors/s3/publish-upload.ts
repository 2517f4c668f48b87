import { type ObjectRole, SluiceError } from '../../src/sdk.ts';
import { readPiece } from './growing-object.ts';
import { deleteObject, putObject, RUN_NOTE } from './object-requests.ts';
import type { OutputPlaces } from './output-places.ts';
import { headObject } from './pinned-object.ts';
import type { S3Connection } from './s3-connection.ts';
import { isConditionFailed, isMissing, replyName } from './s3-fault.ts';
import type { S3Ledger } from './s3-ledger.ts';
import { type S3Place, s3Url } from './s3-url.ts';

const TYPES: Readonly<Record<ObjectRole, string>> = {
  rows: 'application/octet-stream',
  deadLetters: 'application/x-ndjson',
};

/** What is said of an object's content, by its name and role. */
export function contentType({ key }: S3Place, role: ObjectRole): string {
  return role === 'rows' && key.endsWith('.csv') ? 'text/csv' : TYPES[role];
}

/**
 * Makes the objects of an output whose ledger says `publishing`. Every step may have been done before, by a run that died or by a
 * request whose reply was lost: then it changes nothing. The rows come last, so that whoever waits for the output finds its
 * manifest and dead letters there. Throws OUTPUT_EXISTS when somebody else has written the output meanwhile, and takes
 * manifest and dead letters back then. Rejects with the library's error.
 */
export async function publishUpload(
  connection: S3Connection,
  places: OutputPlaces,
  ledger: S3Ledger,
  signal: AbortSignal,
): Promise<void> {
  const { run, overwrite, objects } = ledger;
  const hasLetters = objects.deadLetters.bytes > 0;
  if (hasLetters) {
    await publishObject(connection, places, ledger, 'deadLetters', overwrite || !places.deadLettersElsewhere, signal);
  } else if (overwrite || !places.deadLettersElsewhere) await removeIfThere(connection, places.deadLetters, signal);
  if (places.deadLettersElsewhere && overwrite) await removeIfThere(connection, places.usualDeadLetters, signal);
  const manifest = Buffer.from(`${JSON.stringify(ledger.manifest, null, 2)}\n`);
  const options = { condition: 'any', run, type: 'application/json' } as const;
  await putObject(connection, places.manifest, manifest, options, signal);
  try {
    await publishObject(connection, places, ledger, 'rows', overwrite, signal);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'OUTPUT_EXISTS') {
      await removeIfThere(connection, places.manifest, signal);
      if (hasLetters) await removeIfThere(connection, places.deadLetters, signal);
    }
    throw error;
  }
}

/** Whether an object is there. Rejects with the library's error. */
export async function isThere(connection: S3Connection, place: S3Place, signal: AbortSignal): Promise<boolean> {
  return (await runOf(connection, place, signal)) !== null;
}

export function outputExists(name: string): SluiceError {
  return new SluiceError(
    'OUTPUT_EXISTS',
    `${name} exists already. Choose another url, or replace it with --overwrite.`,
  );
}

async function publishObject(
  connection: S3Connection,
  places: OutputPlaces,
  ledger: S3Ledger,
  role: ObjectRole,
  mayReplace: boolean,
  signal: AbortSignal,
): Promise<void> {
  const place = places[role];
  const { upload, pieces } = ledger.objects[role];
  try {
    if (upload === null) {
      const bytes: Uint8Array[] = [];
      for (const piece of pieces) {
        bytes.push(await readPiece({ connection, place, pieces: places.pieces }, piece, signal));
      }
      const condition = mayReplace ? 'any' : 'absent';
      const options = { condition, run: ledger.run, type: contentType(place, role) } as const;
      await putObject(connection, place, Buffer.concat(bytes), options, signal);
      return;
    }
    const input = {
      Bucket: place.bucket,
      Key: place.key,
      UploadId: upload.id,
      ...(mayReplace ? {} : { IfNoneMatch: '*' }),
      MultipartUpload: {
        Parts: upload.parts.map(({ number, etag, crc32 }) => ({
          PartNumber: number,
          ETag: etag,
          ...(crc32 === null ? {} : { ChecksumCRC32: crc32 }),
        })),
      },
    };
    await connection.send((client, options) => client.completeMultipartUpload(input, options), signal);
  } catch (error) {
    if (replyName(error) === 'InvalidPart') throw lostParts(place);
    const isGone = isMissing(error) || (error instanceof SluiceError && error.code === 'LEDGER_BROKEN');
    if (!isConditionFailed(error) && !isGone) throw error;
    // It may be there already, by a step of ours whose end nobody saw.
    if ((await runOf(connection, place, signal)) === ledger.run) return;
    if (isConditionFailed(error)) throw outputExists(s3Url(place));
    throw isMissing(error) && replyName(error) === 'NoSuchUpload' ? lostParts(place) : error;
  }
}

/** The run that an object is from: '' for one of somebody else, null for none. Rejects with the library's error. */
async function runOf(connection: S3Connection, place: S3Place, signal: AbortSignal): Promise<string | null> {
  try {
    return (await headObject(connection, place, signal)).metadata[RUN_NOTE] ?? '';
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** In buckets that keep versions a removal leaves a mark, so there is none where nothing is. */
async function removeIfThere(connection: S3Connection, place: S3Place, signal: AbortSignal): Promise<void> {
  if (await isThere(connection, place, signal)) await deleteObject(connection, place, null, signal);
}

export function lostParts(place: S3Place): SluiceError {
  return new SluiceError(
    'LEDGER_BROKEN',
    `The upload to ${s3Url(place)}, or a part of it, is gone: something else (a rule of the bucket, another program) removed it. ` +
      'Start anew with --overwrite.',
  );
}
