import { type FileHandle, open, readFile } from 'node:fs/promises';
import { SluiceError } from '../../core/error.ts';
import { resultPath } from './body/described-job.ts';
import type { JobRecord } from './job-record.ts';
import type { Growth } from './upload/growth.ts';

/** Larger ones are not faster, and as garbage they are collected too late. */
const CHUNK_BYTES = 64 * 1024;

/** What a result is read with. */
export interface ResultReading {
  /** The job's folder. */
  readonly folder: string;
  readonly growth: Growth;
  /** The job as it is now; null when it is gone. */
  readonly look: () => Promise<JobRecord | null>;
}

/** How much of a result may be read now. */
export interface ResultExtent {
  readonly bytes: number;
  /** There will be no more. */
  readonly isWhole: boolean;
}

/** How much of the result is durable. Throws JOB_INTERRUPTED when the job was aborted, or its result is gone. */
export async function resultExtent({ folder, look }: ResultReading): Promise<ResultExtent> {
  const record = await look();
  if (record === null || record.status === 'ABORTED' || record.resultsDeleted)
    throw new SluiceError('JOB_INTERRUPTED', 'the job was aborted: its result will not be whole');
  if (record.status === 'COMPLETED') return { bytes: record.outputBytes ?? 0, isWhole: true };
  return { bytes: await committedBytes(folder), isWhole: false };
}

/**
 * The bytes of a result from `from` on, as they become durable, to `to` or to its end, which a COMPLETED job has. Looks for more not more
 * often than five times a second. Throws JOB_INTERRUPTED when the job is aborted meanwhile. Each chunk is the caller's own.
 */
export async function* resultBytes(
  reading: ResultReading,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  let file: FileHandle | null = null;
  try {
    for (let at = from; at < to; ) {
      signal.throwIfAborted();
      const { bytes, isWhole } = await resultExtent(reading);
      if (at < bytes) file ??= await openResult(reading.folder);
      if (file !== null)
        for await (const chunk of readUntil(file, at, Math.min(bytes, to))) {
          at += chunk.length;
          yield chunk;
          signal.throwIfAborted();
        }
      if (isWhole) return;
      if (at < to) await reading.growth.wait(signal);
    }
  } finally {
    await file?.close();
  }
}

async function* readUntil(file: FileHandle, from: number, to: number): AsyncGenerator<Buffer, void> {
  for (let at = from; at < to; ) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, to - at));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) throw new SluiceError('LEDGER_BROKEN', 'the result is shorter than its ledger says');
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** What the ledger of the file says; all of it once the file has its name. */
async function committedBytes(folder: string): Promise<number> {
  const path = resultPath(folder);
  const text = await readFile(`${path}.ledger.json`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return 0;
  const { bytes } = JSON.parse(text) as { readonly bytes?: { readonly rows?: number } };
  return bytes?.rows ?? 0;
}

/** It grows under one name and is published under another; who has it open keeps it. */
async function openResult(folder: string): Promise<FileHandle | null> {
  const path = resultPath(folder);
  for (const name of [`${path}.partial`, path]) {
    const file = await open(name, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (file !== null) return file;
  }
  return null;
}
