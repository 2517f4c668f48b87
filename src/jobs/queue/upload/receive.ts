import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { SluiceError } from '../../../core/error.ts';
import type { Growth } from './growth.ts';
import { partHeader } from './part-header.ts';
import type { SpoolFolder } from './spool-folder.ts';

/** What an upload is received with. */
export interface Receiving {
  readonly folder: SpoolFolder;
  readonly growth: Growth;
  /** The body: its reading rejects when the connection breaks, or when the upload is to end. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Where in the whole the body belongs, of a `Content-Range`. */
export interface BodyRange {
  readonly from: number;
  /** Behind its last byte. */
  readonly to: number;
  /** Bytes of the whole; null: not known yet. */
  readonly total: number | null;
}

/** An upload that is not what came before it under the same name. */
export class UploadDiffers extends Error {
  readonly at: number;

  constructor(at: number) {
    super(`the upload was sent again, and differs from byte ${at} on from what had come before`);
    this.name = 'UploadDiffers';
    this.at = at;
  }
}

/**
 * Appends a body to a single upload as fast as it comes. One that was broken is continued: bytes that are there already are compared. Gives
 * whether all is there now.
 * @param range null: from the start to the end.
 * @param mayReplace whether other bytes may take the place of those that came before: nobody has read them.
 * @throws UploadDiffers; REQUEST_INVALID (422) for an empty upload and a range behind a gap.
 */
export async function receiveWhole(
  { folder, growth, body }: Receiving,
  range: BodyRange | null,
  mayReplace: () => Promise<boolean>,
): Promise<boolean> {
  await folder.make();
  await using file = await open(folder.part(0), 'a+').then(async (created) => {
    await created.close();
    return open(folder.part(0), 'r+');
  });
  let { size } = await file.stat();
  let at = range?.from ?? 0;
  let hasEnded = (await folder.end()) !== null;
  /** What comes now is not what came before: it takes its place, where nobody has read that. */
  const replace = async (from: number): Promise<void> => {
    if (!(await mayReplace())) throw new UploadDiffers(from);
    if (hasEnded) await folder.reopen();
    hasEnded = false;
    await file.truncate(from);
    size = from;
  };
  if (at > size)
    throw invalid(`The upload has ${size} bytes, and is continued from byte ${size}, not from byte ${at}.`);
  for await (const chunk of body) {
    const from = at < size ? await sameBytes(file, at, chunk.subarray(0, size - at)) : 0;
    const differs = from < chunk.length && (at + from < size || hasEnded);
    if (differs) await replace(at + from);
    await writeAll(file, chunk.subarray(from), at + from);
    at += chunk.length;
    size = Math.max(size, at);
    growth.tell();
  }
  if (range !== null && at !== range.to)
    throw invalid(
      `Content-Range says that byte ${range.to - 1} is the last one, but the body ends behind byte ${at - 1}.`,
    );
  const isAll = range === null || range.total === range.to;
  if (!isAll) return false;
  if (at < size) await replace(at);
  if (at === 0) throw invalid('The upload is empty. Send a CSV with a header and rows.');
  await file.datasync();
  await folder.finish({ version: 1, bytes: at, parts: 1 });
  growth.tell();
  return true;
}

/**
 * Receives one part of several. Sent again it must be the same.
 * @throws REQUEST_INVALID (422) for an empty part, another content than before, or another header than that of the first part.
 */
export async function receivePart(
  { folder, growth, body }: Receiving,
  number: number,
  quotechar: string,
): Promise<void> {
  await folder.make();
  const partial = folder.partial(number, randomUUID());
  try {
    let at = 0;
    {
      await using file = await open(partial, 'wx');
      for await (const chunk of body) {
        await writeAll(file, chunk, at);
        at += chunk.length;
      }
      await file.datasync();
    }
    if (at === 0) throw invalid(`Part ${number} of the upload is empty. Send a CSV with a header and rows.`);
    if ((await folder.bytesOf(number)) !== null) {
      if (!(await sameFiles(partial, folder.part(number))))
        throw invalid(`Part ${number} of the upload was sent again, and is not what had come before.`);
      return;
    }
    if (number > 0 && (await folder.bytesOf(0)) !== null) await assertSameHeader(folder, partial, number, quotechar);
    await rename(partial, folder.part(number));
    growth.tell();
  } finally {
    await rm(partial, { force: true });
  }
}

/** Says that all parts are there. @throws REQUEST_INVALID (422) where one is missing, or has another header. */
export async function finishParts(folder: SpoolFolder, growth: Growth, quotechar: string): Promise<void> {
  const parts = await folder.parts();
  const missing = parts.findIndex((number, at) => number !== at);
  if (parts.length === 0) throw invalid('No part of the upload has come yet. Send part 0 first.');
  if (missing >= 0)
    throw invalid(`Part ${missing} of the upload is missing; the last one that came is ${parts.at(-1)}.`);
  let bytes = 0;
  for (const number of parts) {
    bytes += (await folder.bytesOf(number)) ?? 0;
    if (number > 0) await assertSameHeader(folder, folder.part(number), number, quotechar);
  }
  await folder.finish({ version: 1, bytes, parts: parts.length });
  growth.tell();
}

async function assertSameHeader(folder: SpoolFolder, path: string, number: number, quotechar: string): Promise<void> {
  const [first, found] = [await partHeader(folder.part(0), quotechar), await partHeader(path, quotechar)];
  if (Buffer.compare(first.text, found.text) === 0) return;
  throw invalid(
    `Part ${number} of the upload has another header than part 0. Each part begins with the same header line.`,
  );
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  let written = 0;
  while (written < bytes.length)
    written += (await file.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
}

/** How many of the bytes are those that stand in the file from `at` on. */
async function sameBytes(file: FileHandle, at: number, bytes: Uint8Array): Promise<number> {
  const found = new Uint8Array(bytes.length);
  const { bytesRead } = await file.read(found, 0, found.length, at);
  if (bytesRead === bytes.length && Buffer.compare(found, bytes) === 0) return bytes.length;
  const first = bytes.findIndex((byte, index) => index >= bytesRead || byte !== found[index]);
  return first < 0 ? bytes.length : first;
}

async function sameFiles(a: string, b: string): Promise<boolean> {
  await using left = await open(a, 'r');
  await using right = await open(b, 'r');
  if ((await left.stat()).size !== (await right.stat()).size) return false;
  const buffer = new Uint8Array(256 * 1024);
  for (let at = 0; ; ) {
    const { bytesRead } = await left.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return true;
    const chunk = buffer.subarray(0, bytesRead);
    if ((await sameBytes(right, at, chunk)) < bytesRead) return false;
    at += bytesRead;
  }
}

function invalid(message: string): SluiceError {
  return new SluiceError('REQUEST_INVALID', message, { status: 422 });
}
