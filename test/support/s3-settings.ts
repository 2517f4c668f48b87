import type { S3Settings } from '../../connectors/s3/s3-settings.ts';
import type { S3Address } from './services/s3.ts';

/** Settings that reach a server with its owner's keys. */
export function s3Settings(address: S3Address): Partial<S3Settings> {
  const { endpointUrl, accessKeyId, secretAccessKey } = address;
  return { endpointUrl, region: 'us-east-1', credentials: { accessKeyId, secretAccessKey, sessionToken: null } };
}
