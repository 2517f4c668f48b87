import type { Json, ObjectRole, WritingProcess } from '../../src/sdk.ts';

/** A part of a multipart upload that the store has. */
export interface UploadedPart {
  readonly number: number;
  readonly etag: string;
  /** CRC-32 in base64, where the upload was created with one. */
  readonly crc32: string | null;
}

/** An object of its own that holds bytes for which there is no part yet. */
export interface Piece {
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
}

/** What an output's object consists of, in this order: the parts of its upload, and the pieces behind them. */
export interface HeldObject {
  readonly bytes: number;
  readonly upload: { readonly id: string; readonly parts: readonly UploadedPart[] } | null;
  readonly pieces: readonly Piece[];
}

/** Who writes an output. */
export interface LedgerHolder extends WritingProcess {
  /** Another one for each time that an output is taken. */
  readonly nonce: string;
}

/** What stands in `<out>.ledger.json` while an output is under way. Each version of it replaces the one before under a condition. */
export interface S3Ledger {
  readonly version: 1;
  /** `publishing` is the point of no return: whoever finds it completes the publication. `over`: nothing of it counts any more. */
  readonly state: 'open' | 'publishing' | 'over';
  /** Null when nobody writes. */
  readonly holder: LedgerHolder | null;
  /** Goes up with each version, so that no two are the same. */
  readonly serial: number;
  /** Marks the objects that the output becomes, so that they are known again. */
  readonly run: string;
  /** Whether the run was told to replace an existing output; a continuation need not be told again. */
  readonly overwrite: boolean;
  /** Where the dead letters go, as an s3:// address. */
  readonly deadLetters: string;
  readonly objects: Readonly<Record<ObjectRole, HeldObject>>;
  /** Whether there was a commit: then `note` is the caller's, given back as it was. */
  readonly committed: boolean;
  readonly note: Json;
  /** Only with `publishing`. */
  readonly manifest: Json;
}

export const NOTHING_HELD: HeldObject = { bytes: 0, upload: null, pieces: [] };

/** The ledger of an output that nothing was written to. */
export function emptyLedger(run: string, overwrite: boolean, deadLetters: string): S3Ledger {
  return {
    version: 1,
    state: 'open',
    holder: null,
    serial: 0,
    run,
    overwrite,
    deadLetters,
    objects: { rows: NOTHING_HELD, deadLetters: NOTHING_HELD },
    committed: false,
    note: null,
    manifest: null,
  };
}

/** Null when the text is no ledger of this version. */
export function parseLedger(text: string): S3Ledger | null {
  try {
    const value: unknown = JSON.parse(text);
    return isLedger(value) ? value : null;
  } catch {
    return null;
  }
}

function isLedger(value: unknown): value is S3Ledger {
  if (!isRecord(value) || value['version'] !== 1) return false;
  const { state, holder, serial, run, overwrite, deadLetters, objects, committed } = value;
  return (
    (state === 'open' || state === 'publishing' || state === 'over') &&
    (holder === null || isHolder(holder)) &&
    isCount(serial) &&
    typeof run === 'string' &&
    typeof overwrite === 'boolean' &&
    typeof deadLetters === 'string' &&
    typeof committed === 'boolean' &&
    isRecord(objects) &&
    isHeld(objects['rows']) &&
    isHeld(objects['deadLetters'])
  );
}

function isHolder(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { pid, host, nonce, started, boot } = value;
  return (
    isCount(pid) &&
    typeof host === 'string' &&
    typeof nonce === 'string' &&
    (started === null || typeof started === 'string') &&
    (boot === null || typeof boot === 'string')
  );
}

function isHeld(value: unknown): boolean {
  if (!isRecord(value) || !isCount(value['bytes'])) return false;
  const { upload, pieces } = value;
  const isPiece = (piece: unknown): boolean =>
    isRecord(piece) && typeof piece['key'] === 'string' && isCount(piece['bytes']) && typeof piece['etag'] === 'string';
  const isPart = (part: unknown): boolean =>
    isRecord(part) &&
    isCount(part['number']) &&
    typeof part['etag'] === 'string' &&
    (part['crc32'] === null || typeof part['crc32'] === 'string');
  return (
    Array.isArray(pieces) &&
    pieces.every(isPiece) &&
    (upload === null ||
      (isRecord(upload) &&
        typeof upload['id'] === 'string' &&
        Array.isArray(upload['parts']) &&
        upload['parts'].every(isPart)))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
