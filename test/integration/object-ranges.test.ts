import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { createS3Store } from '../../connectors/s3/s3-store.ts';
import { storedObject } from '../../src/codecs/objects/stored-object.ts';
import type { ObjectStore } from '../../src/core/object-store.ts';
import { s3Settings } from '../support/s3-settings.ts';
import { s3Bucket } from '../support/services/s3.ts';

const { signal } = new AbortController();
const bytes = Buffer.from(Array.from({ length: 900_000 }, (_, i) => (i * 7919) % 251));

/** Ranges of an object are its bytes, at once and one after the other, at both ends and of no length. */
async function expectRanges(store: ObjectStore, key: string): Promise<void> {
  const [info] = await store.list(key, signal);
  const without = Object.fromEntries(
    Object.entries(store).filter(([name]) => name !== 'range'),
  ) as unknown as ObjectStore;
  for (const given of [store, without]) {
    const object = storedObject(given, info!, 'none');
    const wanted = [
      [0, 4],
      [899_990, 10],
      [300_000, 550_000],
      [17, 0],
      [0, 900_000],
    ] as const;
    const found = await Promise.all(wanted.map(([from, length]) => object.range(from, length, signal)));
    for (const [i, [from, length]] of wanted.entries())
      expect(Buffer.compare(found[i]!, bytes.subarray(from, from + length))).toBe(0);
    await expect(object.range(899_999, 2, signal)).rejects.toMatchObject({ code: 'INTAKE_CHANGED' });
  }
}

test('files give ranges of their bytes, and none once they were changed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-ranges-'));
  const path = join(folder, 'bytes.bin');
  writeFileSync(path, bytes);
  const store = createFileStore();
  await expectRanges(store, path);
  const [info] = await store.list(path, signal);
  appendFileSync(path, 'more');
  await expect(storedObject(store, info!, 'none').range(0, 4, signal)).rejects.toMatchObject({
    code: 'INTAKE_CHANGED',
  });
  rmSync(folder, { recursive: true });
});

test('objects of S3 give ranges of their bytes', async () => {
  const place = await s3Bucket();
  await place.client.send(new PutObjectCommand({ Bucket: place.bucket, Key: 'bytes.bin', Body: bytes }));
  await using store = createS3Store({ settings: s3Settings(place) });
  await expectRanges(store, `s3://${place.bucket}/bytes.bin`);
  place.client.destroy();
});
