import { type FileHandle, open } from 'node:fs/promises';
import type { Growth } from './growth.ts';
import { partHeader } from './part-header.ts';
import type { SpoolFolder } from './spool-folder.ts';

const CHUNK_BYTES = 256 * 1024;
const LINE_END = new Uint8Array([0x0a]);

/** What reads an upload. */
export interface SpoolReading {
  readonly folder: SpoolFolder;
  readonly quotechar: string;
  readonly growth: Growth;
}

/**
 * The bytes of an upload from `offset` on, as one CSV file: the first part whole, of the others what is behind their headers. Goes behind
 * the writer, waits for more, and ends where the upload does. A chunk is valid until the next one is asked for.
 */
export async function* spooledBytes(
  reading: SpoolReading,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  let before = 0;
  for (let part = 0; ; part += 1) {
    const file = await openedPart(reading, part, signal);
    if (file === null) return;
    try {
      const start = part === 0 ? 0 : (await partHeader(reading.folder.part(part), reading.quotechar)).bytes;
      before += yield* partBytes(reading, { file, part, start, skip: Math.max(0, offset - before) }, signal);
    } finally {
      await file.close();
    }
  }
}

interface PartRead {
  readonly file: FileHandle;
  readonly part: number;
  /** Where what counts of it begins. */
  readonly start: number;
  /** Bytes of what counts that are not wanted. */
  readonly skip: number;
}

/** What counts of one part; gives how many bytes that are, skipped ones included. */
async function* partBytes(
  { folder, growth }: SpoolReading,
  { file, part, start, skip }: PartRead,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, number> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  // A part of several is whole, and a single one that has ended is, too.
  const wholeBytes = async (): Promise<number | null> =>
    folder.multipart ? (await file.stat()).size : ((await folder.end())?.bytes ?? null);
  let whole = await wholeBytes();
  let at = Math.min(start + skip, whole ?? Number.POSITIVE_INFINITY);
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    at += bytesRead;
    if (bytesRead > 0) yield buffer.subarray(0, bytesRead);
    else if (whole !== null && at >= whole) break;
    else {
      whole = await wholeBytes();
      if (whole === null) await growth.wait(signal);
    }
  }
  const bytes = at - start;
  if (!folder.multipart || bytes === 0 || !(await endsOpen(file, at))) return bytes;
  // Without a line end at its end a part must not run into the next one.
  if (skip <= bytes && (await hasNext(folder, part, growth, signal))) yield LINE_END;
  return bytes + 1;
}

async function endsOpen(file: FileHandle, end: number): Promise<boolean> {
  const { buffer } = await file.read(new Uint8Array(1), 0, 1, end - 1);
  return buffer[0] !== 0x0a && buffer[0] !== 0x0d;
}

async function hasNext(folder: SpoolFolder, part: number, growth: Growth, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    if ((await folder.bytesOf(part + 1)) !== null) return true;
    const end = await folder.end();
    if (end !== null && end.parts <= part + 1) return false;
    await growth.wait(signal);
  }
}

/** The part as soon as it is there; null when there will be none. */
async function openedPart(
  { folder, growth }: SpoolReading,
  part: number,
  signal: AbortSignal,
): Promise<FileHandle | null> {
  for (;;) {
    signal.throwIfAborted();
    const file = await open(folder.part(part), 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (file !== null) return file;
    const end = await folder.end();
    if (end !== null && end.parts <= part) return null;
    await growth.wait(signal);
  }
}
