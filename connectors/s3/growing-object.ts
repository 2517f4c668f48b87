import { randomUUID } from 'node:crypto';
import { abortable, SluiceError } from '../../src/sdk.ts';
import { deleteObject, getObject, putObject } from './object-requests.ts';
import { customerKey } from './pinned-object.ts';
import type { S3Connection } from './s3-connection.ts';
import type { HeldObject, Piece, UploadedPart } from './s3-ledger.ts';
import { type S3Place, s3Url } from './s3-url.ts';
import { createUpload } from './upload-requests.ts';

/** S3 takes no more parts than these. */
const MOST_PARTS = 10_000;
/** Every part but the last is a multiple of this, so that what a checksum is continued from ends where a part does, or before. */
const PART_MULTIPLE = 1024 * 1024;
/** Parts on their way at once; each is a buffer. */
const PARTS_UNDER_WAY = 4;
/** From so many pieces on they are written anew as one: each has a place in the ledger and is a request to read and to remove. */
const MOST_PIECES = 64;
/**
 * A continuation leaves out so many part numbers: a run that is gone may have sent parts which the store works on still, and
 * which would replace ours of the same number.
 */
const NUMBERS_LEFT_OUT = 16;

export interface GrowingObjectOptions {
  readonly connection: S3Connection;
  /** What it becomes. */
  readonly place: S3Place;
  /** What the names of its pieces begin with. */
  readonly pieces: S3Place;
  readonly run: string;
  readonly type: string;
  /** What is durable of it. */
  readonly held: HeldObject;
  /** Ends what is on its way. */
  readonly signal: AbortSignal;
}

/**
 * An object that grows out of sight. Full parts go to a multipart upload while more is appended. What is left when it must be durable,
 * and too short for a part, goes to a piece: an object of its own, replaced by the part once that is full.
 */
export class GrowingObject {
  readonly #options: GrowingObjectOptions;
  readonly #partBytes: number;
  #upload: string | null;
  readonly #parts: UploadedPart[];
  #nextNumber: number;
  readonly #underWay = new Set<Promise<void>>();
  readonly #removals = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | null = null;
  /** Full buffers that were sent, to be used again. */
  readonly #free: Buffer[] = [];
  #buffer: Buffer | null = null;
  #filled = 0;
  /** How much of the buffer is in pieces. */
  #saved = 0;
  #pieces: readonly Piece[];
  /** Pieces that a part has taken the place of; the ledger may still name them. */
  #stale: readonly Piece[] = [];
  #bytes: number;

  private constructor(options: GrowingObjectOptions) {
    const { held } = options;
    this.#options = options;
    this.#partBytes = Math.floor(options.connection.settings.partBytes / PART_MULTIPLE) * PART_MULTIPLE;
    this.#upload = held.upload?.id ?? null;
    this.#parts = [...(held.upload?.parts ?? [])];
    this.#nextNumber = this.#parts.length === 0 ? 1 : this.#parts.at(-1)!.number + 1 + NUMBERS_LEFT_OUT;
    this.#pieces = held.pieces;
    this.#bytes = held.bytes;
  }

  /** Takes over what is durable. Throws LEDGER_BROKEN when a piece is missing or another; rejects with the library's error. */
  static async open(options: GrowingObjectOptions, signal: AbortSignal): Promise<GrowingObject> {
    const object = new GrowingObject(options);
    const { pieces } = options.held;
    // The run before may have had larger parts.
    const held = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
    const room = Math.max(object.#partBytes, Math.ceil(held / PART_MULTIPLE) * PART_MULTIPLE);
    if (pieces.length > 0) object.#buffer = Buffer.allocUnsafeSlow(room);
    for (const piece of pieces) object.#fill(await readPiece(options, piece, signal));
    object.#saved = object.#filled;
    return object;
  }

  /** Bytes appended so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The bytes from `from` on, as they were when it was opened. Throws LEDGER_BROKEN when they are in a part, where nobody can read them. */
  durableFrom(from: number): Uint8Array {
    const sealed = this.#bytes - this.#saved;
    if (from >= sealed) return this.#buffer?.subarray(from - sealed, this.#saved) ?? new Uint8Array(0);
    const { place } = this.#options;
    throw new SluiceError(
      'LEDGER_BROKEN',
      `the unfinished upload to ${s3Url(place)} is of another version of Sluice, which cannot be continued by this one. Start anew with --overwrite.`,
    );
  }

  /** Takes the bytes, which may be written to again when it returns; waits while too many parts are on their way. */
  async append(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      from += this.#fill(bytes.subarray(from));
      if (this.#filled === this.#buffer?.length) await this.#sendBuffer(signal);
    }
    this.#bytes += bytes.length;
  }

  /** Makes all of it durable and says where it is; it counts once the ledger says so. */
  async settle(signal: AbortSignal): Promise<HeldObject> {
    const before = abortable(Promise.all(this.#removals), signal);
    const all = await Promise.allSettled([this.#settleParts(signal), this.#settleRest(signal), before]);
    for (const outcome of all) if (outcome.status === 'rejected') throw outcome.reason;
    return this.#held();
  }

  /** The same at its end: an upload that was begun gets what is left as its last part. */
  async finish(signal: AbortSignal): Promise<HeldObject> {
    if (this.#upload === null) return await this.settle(signal);
    if (this.#filled > 0) await this.#sendBuffer(signal);
    await this.#settleParts(signal);
    return this.#held();
  }

  /**
   * Removes the pieces that no ledger names any more, while the caller goes on. What cannot be removed now is when the output is finished.
   */
  forget(): void {
    const { connection, pieces, signal } = this.#options;
    for (const { key } of this.#stale) {
      const removed = deleteObject(connection, { ...pieces, key }, null, signal)
        .catch(() => undefined)
        .finally(() => this.#removals.delete(removed));
      this.#removals.add(removed);
    }
    this.#stale = [];
  }

  /** Waits for what is on its way, whatever becomes of it. */
  async rest(): Promise<void> {
    await Promise.allSettled([...this.#underWay, ...this.#removals]);
  }

  #held(): HeldObject {
    // They ended in any order.
    const parts = this.#parts.toSorted((a, b) => a.number - b.number);
    const upload = this.#upload === null ? null : { id: this.#upload, parts };
    return { bytes: this.#bytes, upload, pieces: this.#pieces };
  }

  /** Copies as much as the buffer has room for; says how much that was. */
  #fill(bytes: Uint8Array): number {
    this.#buffer ??= this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#partBytes);
    const taken = bytes.subarray(0, this.#buffer.length - this.#filled);
    this.#buffer.set(taken, this.#filled);
    this.#filled += taken.length;
    return taken.length;
  }

  async #sendBuffer(signal: AbortSignal): Promise<void> {
    while (this.#underWay.size >= PARTS_UNDER_WAY) await abortable(Promise.race(this.#underWay), signal);
    this.#assertSound();
    const { connection, place } = this.#options;
    this.#upload ??= await createUpload(connection, place, this.#options, signal);
    if (this.#nextNumber > MOST_PARTS) throw this.#tooLarge();
    const buffer = this.#buffer!;
    const sent = this.#sendPart(this.#nextNumber, buffer.subarray(0, this.#filled))
      .then(() => void this.#free.push(buffer))
      .catch((error: unknown) => void (this.#failure ??= { error }))
      .finally(() => this.#underWay.delete(sent));
    this.#underWay.add(sent);
    this.#nextNumber += 1;
    this.#stale = [...this.#stale, ...this.#pieces];
    this.#pieces = [];
    this.#buffer = null;
    this.#filled = 0;
    this.#saved = 0;
  }

  async #settleParts(signal: AbortSignal): Promise<void> {
    await abortable(Promise.all(this.#underWay), signal);
    this.#assertSound();
  }

  /** Puts what no part has yet into a piece. */
  async #settleRest(signal: AbortSignal): Promise<void> {
    if (this.#saved >= this.#filled) return;
    const joined = this.#pieces.length >= MOST_PIECES;
    const from = joined ? 0 : this.#saved;
    const piece = await this.#putPiece(this.#buffer!.subarray(from, this.#filled), signal);
    if (joined) this.#stale = [...this.#stale, ...this.#pieces];
    this.#pieces = joined ? [piece] : [...this.#pieces, piece];
    this.#saved = this.#filled;
  }

  async #sendPart(number: number, body: Uint8Array): Promise<void> {
    const { connection, place, signal } = this.#options;
    const { checksums, encryption } = connection.settings;
    const input = {
      Bucket: place.bucket,
      Key: place.key,
      UploadId: this.#upload!,
      PartNumber: number,
      Body: body,
      ...(checksums === 'whenSupported' ? { ChecksumAlgorithm: 'CRC32' as const } : {}),
      ...customerKey(encryption),
    };
    const { ETag, ChecksumCRC32 } = await connection.send(
      (client, options) => client.uploadPart(input, options),
      signal,
    );
    this.#parts.push({ number, etag: ETag ?? '', crc32: ChecksumCRC32 ?? null });
  }

  async #putPiece(bytes: Uint8Array, signal: AbortSignal): Promise<Piece> {
    const { connection, pieces, run } = this.#options;
    const key = `${pieces.key}${randomUUID()}`;
    const etag = await putObject(connection, { ...pieces, key }, bytes, { condition: 'any', run }, signal);
    return { key, bytes: bytes.length, etag };
  }

  #assertSound(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  #tooLarge(): SluiceError {
    const { partBytes } = this.#options.connection.settings;
    return new SluiceError(
      'OUTPUT_UNWRITABLE',
      `${s3Url(this.#options.place)} is larger than ${MOST_PARTS} parts of ${partBytes} bytes, which is all that S3 takes. ` +
        'Set outputSettings.partBytes higher and start anew with --overwrite.',
    );
  }
}

/** The bytes of a piece that the ledger names. Throws LEDGER_BROKEN; rejects with the library's error. */
export async function readPiece(
  { connection, place, pieces }: Pick<GrowingObjectOptions, 'connection' | 'place' | 'pieces'>,
  piece: Piece,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const at = { ...pieces, key: piece.key };
  const found = await getObject(connection, at, signal);
  if (found !== null && found.etag === piece.etag && found.body.length === piece.bytes) return found.body;
  throw new SluiceError(
    'LEDGER_BROKEN',
    `${s3Url(at)} is ${found === null ? 'missing' : 'not what it was'}, though the ledger of ${s3Url(place)} names it: something else changed it. ` +
      'Restore it, or start anew with --overwrite.',
  );
}
