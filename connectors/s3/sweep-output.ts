import type { ListMultipartUploadsCommandInput } from '@aws-sdk/client-s3';
import { deleteObject } from './object-requests.ts';
import type { OutputPlaces } from './output-places.ts';
import type { S3Connection } from './s3-connection.ts';
import { isForbidden, statusOf } from './s3-fault.ts';
import type { S3Ledger } from './s3-ledger.ts';
import { objectsUnder } from './s3-listing.ts';
import type { S3Place } from './s3-url.ts';
import { abortUpload } from './upload-requests.ts';

/**
 * Removes what runs of an output left under way: multipart uploads to its objects, and pieces. Only the holder of the output may.
 * Rejects with the library's error. Who has no right to list uploads or objects gets rid of those only that the ledger names.
 * @param keep what it names stays; null: nothing stays.
 * @param known a ledger whose uploads and pieces go even if they cannot be listed.
 */
export async function sweepOutput(
  connection: S3Connection,
  places: OutputPlaces,
  keep: S3Ledger | null,
  known: S3Ledger | null,
  signal: AbortSignal,
): Promise<void> {
  const held = Object.values(keep?.objects ?? {});
  const uploads = new Set(held.map(({ upload }) => upload?.id));
  const pieces = new Set(held.flatMap((object) => object.pieces.map(({ key }) => key)));
  for (const role of ['rows', 'deadLetters'] as const) {
    const place = places[role];
    const named = known?.objects[role].upload?.id;
    for (const id of new Set([
      ...(await uploadsTo(connection, place, signal)),
      ...(named === undefined ? [] : [named]),
    ]))
      if (!uploads.has(id)) await abortUpload(connection, place, id, signal);
  }
  const named = Object.values(known?.objects ?? {}).flatMap((object) => object.pieces.map(({ key }) => key));
  const found = [...new Set([...(await piecesOf(connection, places, signal)), ...named])];
  const left = found.filter((key) => !pieces.has(key));
  await Promise.all(left.map((key) => deleteObject(connection, { ...places.pieces, key }, null, signal)));
}

/** Uploads under way to exactly this object. */
async function uploadsTo(connection: S3Connection, place: S3Place, signal: AbortSignal): Promise<readonly string[]> {
  const ids: string[] = [];
  const whole: ListMultipartUploadsCommandInput = { Bucket: place.bucket, Prefix: place.key };
  for (let input: ListMultipartUploadsCommandInput | null = whole; input !== null; ) {
    const asked: ListMultipartUploadsCommandInput = input;
    input = null;
    try {
      const page = await connection.send((client, options) => client.listMultipartUploads(asked, options), signal);
      for (const { Key, UploadId } of page.Uploads ?? []) if (Key === place.key && UploadId) ids.push(UploadId);
      const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
      if (page.IsTruncated && KeyMarker && UploadIdMarker) input = { ...whole, KeyMarker, UploadIdMarker };
    } catch (error) {
      if (!isForbidden(error) && statusOf(error) !== 501) throw error;
    }
  }
  return ids;
}

async function piecesOf(
  connection: S3Connection,
  { pieces }: OutputPlaces,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const keys: string[] = [];
  try {
    for await (const { key } of objectsUnder(connection, pieces, signal)) keys.push(key);
  } catch (error) {
    if (!isForbidden(error)) throw error;
  }
  return keys.filter((key) => /^[0-9a-f-]{36}$/.test(key.slice(pieces.key.length)));
}
