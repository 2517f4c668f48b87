import { randomUUID } from 'node:crypto';
import { SluiceError, type StagedOutput } from '../../src/sdk.ts';
import { LedgerHold } from './ledger-hold.ts';
import { type OutputPlaces, outputPlaces } from './output-places.ts';
import { isThere, lostParts, outputExists, publishUpload } from './publish-upload.ts';
import type { S3Connection } from './s3-connection.ts';
import { isMissing, s3Fault } from './s3-fault.ts';
import { emptyLedger, type HeldObject, type S3Ledger } from './s3-ledger.ts';
import { type S3Place, s3Url } from './s3-url.ts';
import { StagedUpload } from './staged-upload.ts';
import { sweepOutput } from './sweep-output.ts';

/** Takes an output for writing, and finds out what is there of it. See `ObjectStore.stage`. */
export async function stageUpload(
  connection: S3Connection,
  places: OutputPlaces,
  overwrite: boolean,
  signal: AbortSignal,
): Promise<StagedOutput> {
  try {
    const { hold, found } = await LedgerHold.take(connection, places, overwrite, signal);
    const known = found === 'broken' ? null : found;
    // Of a run that died before its first commit nothing counts, nor that it might replace what is there: whoever comes must be told so again.
    const isContinued = known?.state === 'open' && known.committed && !overwrite;
    try {
      if (isContinued) await assertContinuable(connection, places, known, hold, signal);
      else if (known?.state === 'publishing') await finishPublishing(connection, places, known, overwrite, signal);
      if (found !== null && !isContinued) {
        const fresh = emptyLedger(randomUUID(), overwrite, s3Url(places.deadLetters));
        await hold.write({ ...fresh, holder: hold.ledger.holder, state: 'over' }, signal);
        await sweepOutput(connection, places, null, known, signal);
      }
      if (!hold.ledger.overwrite) await assertNothingThere(connection, places, signal);
      if (hold.ledger.state === 'over') await hold.write({ state: 'open' }, signal);
      return await StagedUpload.open(connection, places, hold, signal);
    } catch (error) {
      // What was found and still counts stays; all else goes again.
      const leaving = new AbortController().signal;
      const sweep = (): Promise<void> => sweepOutput(connection, places, null, known, leaving);
      const isNothing = found === null || hold.ledger.state === 'over';
      await (isNothing ? hold.remove(sweep, leaving) : hold.release(leaving)).catch(() => undefined);
      throw error;
    }
  } catch (error) {
    throw s3Fault(error, { doing: 'write', name: places.name, endpoint: connection.endpoint });
  }
}

/** Makes sure that all is there that an interrupted run made durable, and removes what it made beyond that. */
async function assertContinuable(
  connection: S3Connection,
  places: OutputPlaces,
  found: S3Ledger,
  hold: LedgerHold,
  signal: AbortSignal,
): Promise<void> {
  assertSameDeadLetters(places, found);
  await sweepOutput(connection, places, hold.ledger, null, signal);
  for (const role of ['rows', 'deadLetters'] as const)
    await assertPartsThere(connection, places[role], found.objects[role], signal);
}

/** Throws LEDGER_OTHER_JOB when the interrupted run had another place for its dead letters. */
export function assertSameDeadLetters(places: OutputPlaces, { deadLetters }: S3Ledger): void {
  if (deadLetters === s3Url(places.deadLetters)) return;
  throw new SluiceError(
    'LEDGER_OTHER_JOB',
    `The interrupted run of ${places.name} wrote its dead letters to ${deadLetters}, not to ${s3Url(places.deadLetters)}. ` +
      'Name that object again, or start anew with --overwrite.',
  );
}

/** An upload that somebody changed cannot be completed any more: better known now than at the end. */
async function assertPartsThere(
  connection: S3Connection,
  place: S3Place,
  { upload }: HeldObject,
  signal: AbortSignal,
): Promise<void> {
  if (upload === null) return;
  const etags = new Map<number, string>();
  let PartNumberMarker: string | undefined;
  do {
    const input = { Bucket: place.bucket, Key: place.key, UploadId: upload.id, PartNumberMarker };
    try {
      const page = await connection.send((client, options) => client.listParts(input, options), signal);
      for (const { PartNumber, ETag } of page.Parts ?? []) etags.set(PartNumber ?? 0, ETag ?? '');
      PartNumberMarker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
    } catch (error) {
      throw isMissing(error) ? lostParts(place) : error;
    }
  } while (PartNumberMarker !== undefined);
  if (!upload.parts.every(({ number, etag }) => etags.get(number) === etag)) throw lostParts(place);
}

/** Does what a run that died while it published had left to do. */
async function finishPublishing(
  connection: S3Connection,
  places: OutputPlaces,
  found: S3Ledger,
  overwrite: boolean,
  signal: AbortSignal,
): Promise<void> {
  try {
    await publishUpload(connection, outputPlaces(places.name, found.deadLetters), found, signal);
  } catch (error) {
    // What cannot be published must not stand in the way of --overwrite.
    if (!overwrite || !(error instanceof SluiceError)) throw error;
  }
}

/** Throws OUTPUT_EXISTS when the output is there already, or dead letters of somebody else at a place of their own. */
export async function assertNothingThere(
  connection: S3Connection,
  places: OutputPlaces,
  signal: AbortSignal,
): Promise<void> {
  if (await isThere(connection, places.rows, signal)) throw outputExists(places.name);
  if (places.deadLettersElsewhere && (await isThere(connection, places.deadLetters, signal)))
    throw outputExists(s3Url(places.deadLetters));
}
