import { encryptionFields, RUN_NOTE } from './object-requests.ts';
import type { S3Connection } from './s3-connection.ts';
import { isMissing } from './s3-fault.ts';
import type { S3Place } from './s3-url.ts';

/** Begins a multipart upload; gives its ID. Rejects with the library's error. @param of what it will be; null for one that comes to nothing. */
export async function createUpload(
  connection: S3Connection,
  { bucket, key }: S3Place,
  of: { readonly run: string; readonly type: string } | null,
  signal: AbortSignal,
): Promise<string> {
  const { checksums, encryption } = connection.settings;
  const input = {
    Bucket: bucket,
    Key: key,
    ...(of === null ? {} : { ContentType: of.type, Metadata: { [RUN_NOTE]: of.run } }),
    ...(checksums === 'whenSupported' ? { ChecksumAlgorithm: 'CRC32' as const } : {}),
    ...encryptionFields(encryption),
  };
  const { UploadId } = await connection.send((client, options) => client.createMultipartUpload(input, options), signal);
  return UploadId ?? '';
}

/** Removes an upload with its parts; fine when there is none. Rejects with the library's error. */
export async function abortUpload(
  connection: S3Connection,
  { bucket, key }: S3Place,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const input = { Bucket: bucket, Key: key, UploadId: id };
  try {
    await connection.send((client, options) => client.abortMultipartUpload(input, options), signal);
  } catch (error) {
    // It was completed, or somebody else's rule removed it.
    if (!isMissing(error)) throw error;
  }
}
