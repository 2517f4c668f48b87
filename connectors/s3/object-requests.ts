import { customerKey } from './pinned-object.ts';
import type { S3Connection } from './s3-connection.ts';
import { isMissing } from './s3-fault.ts';
import type { S3Encryption } from './s3-settings.ts';
import type { S3Place } from './s3-url.ts';
import { noStoreReply } from './wrong-server.ts';

/** Under what condition an object is written. */
export type PutCondition = 'any' | 'absent' | { readonly etag: string };

/** The name of the note in an object's metadata that says which run it is from. */
export const RUN_NOTE = 'sluice-run';

/** Writes an object in one request; gives its ETag. Rejects with the library's error; its status is 412 when the condition does not hold. */
export async function putObject(
  connection: S3Connection,
  { bucket, key }: S3Place,
  body: Uint8Array,
  options: { readonly condition: PutCondition; readonly run: string; readonly type?: string },
  signal: AbortSignal,
): Promise<string> {
  const { condition, run, type = 'application/octet-stream' } = options;
  const input = {
    Bucket: bucket,
    Key: key,
    Body: body,
    ContentType: type,
    Metadata: { [RUN_NOTE]: run },
    ...(condition === 'absent' ? { IfNoneMatch: '*' } : condition === 'any' ? {} : { IfMatch: condition.etag }),
    ...encryptionFields(connection.settings.encryption),
  };
  const { ETag = '' } = await connection.send((client, given) => client.putObject(input, given), signal);
  return ETag;
}

/** A small object and its ETag; null when there is none. Rejects with the library's error. */
export async function getObject(
  connection: S3Connection,
  { bucket, key }: S3Place,
  signal: AbortSignal,
): Promise<{ readonly body: Uint8Array; readonly etag: string } | null> {
  const input = { Bucket: bucket, Key: key, ...customerKey(connection.settings.encryption) };
  try {
    return await connection.send(async (client, options) => {
      const { Body, ETag } = await client.getObject(input, options);
      const body = (await Body?.transformToByteArray()) ?? new Uint8Array(0);
      if (ETag === undefined) throw noStoreReply();
      return { body, etag: ETag };
    }, signal);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Removes an object; fine when there is none. @param etag only that state of it, where the store looks at it. */
export async function deleteObject(
  connection: S3Connection,
  { bucket, key }: S3Place,
  etag: string | null,
  signal: AbortSignal,
): Promise<void> {
  const input = { Bucket: bucket, Key: key, ...(etag === null ? {} : { IfMatch: etag }) };
  await connection.send((client, options) => client.deleteObject(input, options), signal);
}

/** The fields of a request that creates an object. */
export function encryptionFields(encryption: S3Encryption | null): {
  ServerSideEncryption?: 'AES256' | 'aws:kms';
  SSEKMSKeyId?: string;
  SSEKMSEncryptionContext?: string;
  SSECustomerAlgorithm?: string;
  SSECustomerKey?: string;
} {
  if (encryption === null) return {};
  const { algorithm, kmsKeyId, kmsEncryptionContext } = encryption;
  return {
    ...(algorithm === null ? {} : { ServerSideEncryption: algorithm }),
    ...(kmsKeyId === null ? {} : { SSEKMSKeyId: kmsKeyId }),
    ...(kmsEncryptionContext === null ? {} : { SSEKMSEncryptionContext: kmsEncryptionContext }),
    ...customerKey(encryption),
  };
}
