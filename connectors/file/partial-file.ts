import { type FileHandle, open } from 'node:fs/promises';
import { SluiceError } from '../../src/sdk.ts';
import { readChunks } from './file-chunks.ts';

/** A file that grows, invisible to those who look for the output. Errors of the file system come as they are. */
export class PartialFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #length: number;
  #durable: number;

  private constructor(path: string, handle: FileHandle, length: number) {
    this.#path = path;
    this.#handle = handle;
    this.#length = length;
    this.#durable = length;
  }

  /** Opens the file with its first `durable` bytes, and cuts off the rest. Throws LEDGER_BROKEN when it has fewer. */
  static async open(path: string, durable: number): Promise<PartialFile> {
    const handle = await open(path, durable === 0 ? 'w' : 'r+').catch((error: unknown) => {
      if (durable > 0 && (error as NodeJS.ErrnoException).code === 'ENOENT') throw tooShort(path, 0, durable);
      throw error;
    });
    try {
      const { size } = await handle.stat();
      if (size < durable) throw tooShort(path, size, durable);
      if (size > durable) await handle.truncate(durable);
      return new PartialFile(path, handle, durable);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes appended so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that survive a crash. */
  get durable(): number {
    return this.#durable;
  }

  /** Writes all of the bytes behind those before. After a failure the file is as long as it was, for all that it tells. */
  async append(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const result = await this.#handle.write(bytes, written, bytes.length - written, this.#length + written);
      written += result.bytesWritten;
    }
    this.#length += bytes.length;
  }

  /** Makes all appended bytes durable. */
  async sync(): Promise<void> {
    if (this.#durable === this.#length) return;
    await this.#handle.datasync();
    this.#durable = this.#length;
  }

  /** Makes the file exactly as long as what was appended: a failed write may have left more. */
  async trim(): Promise<void> {
    await this.#handle.truncate(this.#length);
    await this.#handle.sync();
    this.#durable = this.#length;
  }

  /** Starts at byte 0 again. */
  async clear(): Promise<void> {
    await this.#handle.truncate(0);
    this.#length = 0;
    this.#durable = 0;
  }

  /** The durable bytes from the start. */
  read(from: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return readChunks(this.#path, from, this.#durable, signal);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function tooShort(path: string, found: number, recorded: number): SluiceError {
  return new SluiceError(
    'LEDGER_BROKEN',
    `${path} holds ${found} bytes, but its ledger recorded ${recorded} as durable: something else shortened it. ` +
      'Restore it, or start anew with --overwrite.',
  );
}
