import { SluiceError } from '../core/error.ts';
import type { Configuration } from './configuration.ts';
import type { Credential } from './description/credential-fields.ts';

/** The keys of S3 that a configuration has under this ID. Throws CONFIG_INVALID for credentials of another kind. @param place of the ID. */
export function s3KeysOf(
  configuration: Configuration,
  id: string,
  place: string,
): Extract<Credential, { readonly awsAccessKeyId: string }> {
  const credentials = configuration.credential(id, place);
  if ('awsAccessKeyId' in credentials) return credentials;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${place}: the credentials "${id}" are no keys of S3 (awsAccessKeyId, awsSecretAccessKey).`,
  );
}
