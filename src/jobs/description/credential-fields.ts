import * as z from 'zod';
import { Secret } from './secret.ts';

const secretText = () =>
  z
    .string()
    .min(1)
    .transform((given) => new Secret(given));

/** The keys of an account of S3, as a stored credential of DataRobot has them. */
export const s3Credential = z.strictObject({
  awsAccessKeyId: z.string().min(1).describe('The access key.'),
  awsSecretAccessKey: secretText().describe('Its secret. Best written as a variable: `${AWS_SECRET_ACCESS_KEY}`.'),
  awsSessionToken: z
    .string()
    .nullable()
    .default(null)
    .transform((given) => (given ? new Secret(given) : null))
    .describe('For temporary credentials.'),
});

/** `credentials` in a configuration: what jobs may name by `credentialId`. */
export const credentialEntries = z
  .record(z.string().min(1), s3Credential)
  .default({})
  .describe('Credentials that jobs may name by `credentialId`.');
