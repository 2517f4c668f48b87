import type { S3Address } from '../services/s3.ts';

/** Settings of an intake or output on a server of the tests. */
export function s3Place({ endpointUrl, accessKeyId, secretAccessKey }: S3Address) {
  const credentials = { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey };
  return { type: 's3', endpointUrl, credentials } as const;
}
