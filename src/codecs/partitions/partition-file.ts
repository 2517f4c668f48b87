import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { ManifestObject } from '../../core/ledger.ts';
import type { Schema } from '../../core/schema.ts';
import { createWriter } from '../formats.ts';
import type { ParquetCompression } from '../parquet/packing.ts';
import type { DividedFile } from './divided-rows.ts';

/** One file of a partition: its bytes, and what a manifest says of them. */
export interface EncodedFile {
  readonly bytes: Uint8Array;
  readonly facts: Omit<ManifestObject & { readonly sha256: string }, 'role' | 'name'>;
}

const NAME = /^((?:[^/=]+=[^/]+\/)*[^/=]+=[^/]+)\/part-(\d{5})-[0-9a-f]{8}\.parquet$/;

/**
 * What a file is called, relative to the folder of the output.
 * @param tag eight digits of hex that are of one writing of the folder alone, so that no file of another one is ever written over.
 */
export function partitionFileName({ path, number }: Pick<DividedFile, 'path' | 'number'>, tag: string): string {
  return `${path}/part-${String(number).padStart(5, '0')}-${tag}.parquet`;
}

/** The partition of a file, and its number there; null for a name that is none of ours. */
export function placeOfFile(name: string): Pick<DividedFile, 'path' | 'number'> | null {
  const [, path, number] = NAME.exec(name) ?? [];
  return path === undefined ? null : { path, number: Number(number) };
}

/** @param schema the columns that stand in the file. */
export async function encodePartitionFile(
  { groups, rows }: Pick<DividedFile, 'groups' | 'rows'>,
  schema: Schema,
  { compression, clock }: { readonly compression: ParquetCompression; readonly clock: Clock },
): Promise<EncodedFile> {
  const writer = createWriter('parquet', { parquetCompression: compression }, 'none', { clock });
  let { bytes, state } = writer.header(schema, '');
  const parts: Uint8Array[] = [Uint8Array.from(bytes)];
  let length = bytes.length;
  for (const group of groups) {
    ({ bytes, state } = await writer.block([{ schema, ...group }], state, length));
    parts.push(Uint8Array.from(bytes));
    length += bytes.length;
  }
  parts.push(await writer.trailer(state, length));
  const whole = Buffer.concat(parts);
  const sha256 = createHash('sha256').update(whole).digest('hex');
  return { bytes: whole, facts: { bytes: whole.length, records: rows, sha256 } };
}
