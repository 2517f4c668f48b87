import { matchesGlob } from 'node:path/posix';
import { SluiceError } from '../../src/sdk.ts';
import { isOwnKey } from './output-places.ts';
import { headObject, type PinnedObject } from './pinned-object.ts';
import type { S3Connection } from './s3-connection.ts';
import { isMissing } from './s3-fault.ts';
import { parseS3Url, type S3Place, s3Url } from './s3-url.ts';
import { noStoreReply } from './wrong-server.ts';

/** What begins a pattern; everything before it is the prefix that is listed. */
const PATTERN = /[*?[{]/;

/**
 * The objects that an address stands for, in the order of their keys: that object itself; all under a prefix that ends in a slash; all
 * that a pattern matches. Prefixes and patterns leave out empty objects that stand for folders, names that begin with a dot or an
 * underscore (unless the pattern asks for them), and what Sluice keeps beside its outputs. None: INTAKE_NOT_FOUND; other
 * failures reject with the library's error.
 */
export async function listObjects(
  connection: S3Connection,
  url: string,
  signal: AbortSignal,
): Promise<readonly PinnedObject[]> {
  const place = parseS3Url(url);
  const { key } = place;
  const isPrefix = key === '' || key.endsWith('/');
  if (!isPrefix) {
    const found = await objectAt(connection, place, signal);
    if (found !== null) return [found];
  }
  const start = isPrefix ? -1 : key.search(PATTERN);
  if (!isPrefix && start < 0) throw await nothingThere(connection, place, signal);
  const prefix = start < 0 ? key : key.slice(0, start);
  const hiddenWanted = start >= 0 && hasHiddenPart(key);
  const objects: PinnedObject[] = [];
  for await (const object of objectsUnder(connection, { bucket: place.bucket, key: prefix }, signal)) {
    if (object.key.endsWith('/') || isOwnKey(object.key)) continue;
    if (start >= 0 && !matchesGlob(object.key, key)) continue;
    if (!hiddenWanted && hasHiddenPart(object.key.slice(prefix.lastIndexOf('/') + 1))) continue;
    objects.push(object);
  }
  if (objects.length > 0) return objects;
  throw new SluiceError(
    'INTAKE_NOT_FOUND',
    start < 0
      ? `There are no objects to read under ${url}; names that begin with . or _ do not count, nor what Sluice made beside an output. Check intakeSettings.url.`
      : `No object matches ${url}. Check intakeSettings.url.`,
  );
}

/** All objects whose keys begin with `place.key`. Rejects with the library's error. */
export async function* objectsUnder(
  connection: S3Connection,
  place: S3Place,
  signal: AbortSignal,
): AsyncGenerator<PinnedObject, void> {
  const { bucket, key: Prefix } = place;
  let ContinuationToken: string | undefined;
  do {
    const input = { Bucket: bucket, Prefix, ContinuationToken };
    const page = await connection.send((client, options) => client.listObjectsV2(input, options), signal);
    // Every listing tells how many there are, that of nothing too.
    if (page.KeyCount === undefined && page.IsTruncated === undefined) throw noStoreReply();
    for (const { Key: key, Size: bytes = 0, ETag: etag = '' } of page.Contents ?? []) {
      if (key !== undefined) yield { bucket, key, bytes, etag };
    }
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
}

/** Null when there is none. */
async function objectAt(connection: S3Connection, place: S3Place, signal: AbortSignal): Promise<PinnedObject | null> {
  try {
    const { bucket, key, bytes, etag } = await headObject(connection, place, signal);
    return { bucket, key, bytes, etag };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function nothingThere(connection: S3Connection, place: S3Place, signal: AbortSignal): Promise<SluiceError> {
  const below = { bucket: place.bucket, key: `${place.key}/` };
  // Only for a better message: who may not list the bucket gets the plain one.
  const under = objectsUnder(connection, below, signal);
  const hasMore = await under.next().then(
    ({ done }) => done !== true,
    () => false,
  );
  const hint = hasMore
    ? ` There are objects under it: write ${s3Url(below)} to read them.`
    : ' Check intakeSettings.url.';
  return new SluiceError('INTAKE_NOT_FOUND', `There is no object ${s3Url(place)}.${hint}`);
}

function hasHiddenPart(key: string): boolean {
  return key.split('/').some((part) => /^[._]./.test(part));
}
