import { SluiceError } from '../../src/sdk.ts';

/** Where an object is. */
export interface S3Place {
  readonly bucket: string;
  readonly key: string;
}

/** Reads `s3://bucket/key`. The key may be empty, and holds any character as it is: nothing is decoded. Throws CONFIG_INVALID. */
export function parseS3Url(url: string): S3Place {
  const found = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(url);
  if (found === null) {
    throw new SluiceError('CONFIG_INVALID', `"${url}" is no address of an object: write s3://bucket/key.`);
  }
  return { bucket: found[1]!, key: found[2] ?? '' };
}

export function s3Url({ bucket, key }: S3Place): string {
  return `s3://${bucket}/${key}`;
}
