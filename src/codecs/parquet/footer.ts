import { type FileMetaData, parquetMetadata, parquetSchema, type SchemaTree } from 'hyparquet';
import { brokenParquet, takenApart, unsupportedParquet } from './parquet-fault.ts';
import type { RangedObject } from './ranged-object.ts';

/** What a Parquet file says of itself. */
export interface ParquetFooter {
  readonly metadata: FileMetaData;
  /** The columns of the outermost level. */
  readonly columns: readonly SchemaTree[];
}

/** A first request of so many bytes has the footer of most files. */
const TAIL_BYTES = 64 * 1024;
/** The magic at both ends, and the footer's length. */
const LEAST_BYTES = 12;
const END_BYTES = 8;

/** Reads the footer: one request, or two where it is long. Throws FORMAT_BROKEN and PARQUET_UNSUPPORTED. */
export async function readFooter(object: RangedObject, signal: AbortSignal): Promise<ParquetFooter> {
  const { name, bytes } = object;
  if (bytes < LEAST_BYTES) throw brokenParquet(object, `${bytes} bytes are too few for a Parquet file`);
  const tailBytes = Math.min(bytes, TAIL_BYTES);
  let tail = await object.read(bytes - tailBytes, tailBytes, signal);
  const magic = Buffer.from(tail.subarray(-4)).toString('latin1');
  if (magic === 'PARE') throw unsupportedParquet({ name }, 'the file is encrypted, and keys are not taken');
  if (magic !== 'PAR1') {
    throw brokenParquet({ name }, 'it does not end as Parquet files do (PAR1): it is none, or it was cut off');
  }
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(tail.length - END_BYTES, true);
  const wanted = length + END_BYTES;
  if (wanted + 4 > bytes) throw brokenParquet({ name }, `a footer of ${length} bytes does not fit a file of ${bytes}`);
  if (wanted > tail.length) tail = await object.read(bytes - wanted, wanted, signal);
  return takenApart({ name }, () => {
    const metadata = parquetMetadata(tail, { geoparquet: false });
    return { metadata, columns: parquetSchema(metadata).children };
  });
}
