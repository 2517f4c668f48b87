import type { S3Credentials } from '../../connectors/s3/s3-settings.ts';
import { SluiceError } from '../core/error.ts';
import type { Configuration } from './configuration.ts';
import type { Credential } from './description/credential-fields.ts';

type S3Keys = Extract<Credential, { readonly awsAccessKeyId: string }>;

/** The keys of S3 that a configuration has under this ID. Throws CONFIG_INVALID for credentials of another kind. @param place of the ID. */
export function s3KeysOf(configuration: Configuration, id: string, place: string): S3Keys {
  const credentials = configuration.credential(id, place);
  if ('awsAccessKeyId' in credentials) return credentials;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${place}: the credentials "${id}" are no keys of S3 (awsAccessKeyId, awsSecretAccessKey).`,
  );
}

/** What a description says of credentials, as the requests to S3 take it. */
export function describedS3Credentials(described: S3Keys | 'none' | null): S3Credentials {
  if (described === null) return 'chain';
  if (described === 'none') return 'none';
  return {
    accessKeyId: described.awsAccessKeyId,
    secretAccessKey: described.awsSecretAccessKey.reveal(),
    sessionToken: described.awsSessionToken?.reveal() ?? null,
  };
}
