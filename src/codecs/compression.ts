import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { messageOf, SluiceError } from '../core/error.ts';
import { Bzip2Error, unpackBzip2 } from './bzip2.ts';
import { MemberInflater } from './member-inflater.ts';

/** How the bytes of an object are packed. bzip2 is read and not written. */
export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2';

/** Output of one step of decompression, in bytes; at 16 KiB, the default, the steps cost more than the work. */
const STEP_BYTES = 256 * 1024;

const gzip = promisify(zlib.gzip);
const zstdCompress = promisify<Uint8Array, zlib.ZstdOptions, Buffer>(zlib.zstdCompress);

const ENDINGS: Readonly<Record<string, Compression>> = {
  gz: 'gzip',
  gzip: 'gzip',
  zst: 'zstd',
  zstd: 'zstd',
  bz2: 'bzip2',
  bzip2: 'bzip2',
};

/** The compression that a name tells by its end: .gz, .gzip, .zst, .zstd, .bz2, .bzip2, in any case. */
export function compressionOf(name: string): Compression {
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase();
  return (ending === undefined ? undefined : ENDINGS[ending]) ?? 'none';
}

/** A name without the ending that tells its compression. */
export function withoutCompression(name: string): string {
  return compressionOf(name) === 'none' ? name : name.slice(0, name.lastIndexOf('.'));
}

/**
 * The decompressed bytes of a stream. Reads on through any number of gzip members or zstd frames, so that what is
 * written in pieces by `compressMember` comes back whole. Chunks of the input may be used again once the next is asked for.
 * @param name of the object, for messages.
 * @param signal is looked at between chunks; the input ends its own waits.
 * Throws INTAKE_COMPRESSION when the data is broken or ends too early, the input's own error when it has one, and the
 * signal's reason on abort.
 */
export async function* decompress(
  compression: Compression,
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  if (compression === 'none') {
    yield* chunks;
    return;
  }
  try {
    for await (const piece of compression === 'bzip2' ? unpackBzip2(chunks) : members(compression, chunks)) {
      signal.throwIfAborted();
      yield piece;
    }
  } catch (error) {
    if (!isEngineError(error)) throw error;
    throw new SluiceError(
      'INTAKE_COMPRESSION',
      `${name} is not sound ${compression} data: ${messageOf(error)}. Check it with ${compression} -t, ` +
        'or set intakeSettings.compression if it is something else.',
      { cause: error },
    );
  }
}

/**
 * One whole gzip member or zstd frame. Members one after the other are a sound file, so an output can be continued
 * behind any of them. The same bytes give the same member: no time and no name is in it.
 */
export async function compressMember(compression: Compression, bytes: Uint8Array): Promise<Uint8Array> {
  if (compression === 'none') return bytes;
  if (compression === 'gzip') return gzip(bytes);
  if (compression === 'bzip2')
    throw new SluiceError('CONFIG_INVALID', 'bzip2 can be read and not written; name the output .gz or .zst.');
  return zstdCompress(bytes, { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } });
}

async function* members(
  compression: 'gzip' | 'zstd',
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const open = (): MemberInflater =>
    new MemberInflater(
      compression === 'gzip'
        ? zlib.createGunzip({ chunkSize: STEP_BYTES })
        : zlib.createZstdDecompress({ chunkSize: STEP_BYTES }),
    );
  let inflater: MemberInflater | null = open();
  try {
    for await (const chunk of chunks) {
      let input = chunk;
      while (input.length > 0) {
        // Zero bytes behind a gzip member are padding, as gzip itself has it.
        if (inflater === null && compression === 'gzip') input = input.subarray(padding(input));
        if (input.length === 0) break;
        inflater ??= open();
        const taken: number = yield* inflater.feed(input);
        if (taken === input.length) break;
        inflater[Symbol.dispose]();
        inflater = null;
        input = input.subarray(taken);
      }
    }
    if (inflater !== null) yield* inflater.finish();
  } finally {
    inflater?.[Symbol.dispose]();
  }
}

function padding(bytes: Uint8Array): number {
  const end = bytes.findIndex((byte) => byte !== 0);
  return end < 0 ? bytes.length : end;
}

function isEngineError(error: unknown): boolean {
  if (error instanceof Bzip2Error) return true;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('Z_') || code.startsWith('ZSTD_') || code.startsWith('ERR_ZLIB_');
}
