import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { parquetReadObjects } from 'hyparquet';
import type { Manifest } from '../../src/core/ledger.ts';
import type { S3Bucket } from './services/s3.ts';

/** A folder that is divided by columns as somebody finds it who knows nothing of Sluice: its objects by their names. */
export type FoundFolder = ReadonlyMap<string, Buffer>;

export function filesIn(folder: string): FoundFolder {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  return new Map(names.toSorted().map((name) => [name, readFileSync(join(folder, name))]));
}

export async function objectsIn({ client, bucket }: S3Bucket, prefix: string): Promise<FoundFolder> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
  const found = new Map<string, Buffer>();
  for (const { Key = '' } of Contents) {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
    found.set(Key.slice(prefix.length), Buffer.from(await Body!.transformToByteArray()));
  }
  return found;
}

export function manifestOf(folder: FoundFolder): Manifest {
  return JSON.parse(folder.get('_SUCCESS.manifest.json')!.toString()) as Manifest;
}

export function dataIn(folder: FoundFolder): readonly string[] {
  return [...folder.keys()].filter((name) => name.endsWith('.parquet')).toSorted();
}

/** The rows of each partition, in the order of its files. */
export async function rowsIn(
  folder: FoundFolder,
  names: readonly string[],
): Promise<Record<string, readonly string[]>> {
  const rows: Record<string, string[]> = {};
  for (const name of names.toSorted()) {
    const file = Uint8Array.from(folder.get(name)!).buffer;
    const found = (await parquetReadObjects({ file })) as object[];
    const path = name.slice(0, name.lastIndexOf('/'));
    rows[path] = [...(rows[path] ?? []), ...found.map((row) => JSON.stringify(row))];
  }
  return rows;
}

/** What a reader gets who takes the files that the manifest names, each with its checksum. */
export async function readByManifest(folder: FoundFolder): Promise<Record<string, readonly string[]>> {
  const files = manifestOf(folder).objects.filter(({ role }) => role === 'rows');
  for (const file of files) {
    const bytes = folder.get(file.name);
    if (bytes === undefined) throw new Error(`${file.name} is in the manifest, and not there`);
    if (!('sha256' in file) || createHash('sha256').update(bytes).digest('hex') !== file.sha256)
      throw new Error(`${file.name} has another checksum than the manifest says`);
  }
  return await rowsIn(
    folder,
    files.map(({ name }) => name),
  );
}

/** What a reader gets who waits for the mark, and then takes all files that are there; null while he waits. */
export async function readByMark(folder: FoundFolder): Promise<Record<string, readonly string[]> | null> {
  return folder.has('_SUCCESS') ? await rowsIn(folder, dataIn(folder)) : null;
}
