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

/** A user of a database, as a stored credential of DataRobot (`basic`) has them. */
export const basicCredential = z.strictObject({
  credentialType: z.literal('basic').default('basic').describe('Kind of credentials.'),
  user: z.string().min(1).describe('The user.'),
  password: z
    .string()
    .nullable()
    .default(null)
    .transform((given) => (given === null ? null : new Secret(given)))
    .describe('Best written as a variable: `${DATABASE_PASSWORD}`.'),
});

/** `credentials` in a configuration: what jobs may name by `credentialId`. */
export const credentialEntries = z
  .record(z.string().min(1), z.union([s3Credential, basicCredential]))
  .default({})
  .describe('Credentials that jobs may name by `credentialId`.');

/** An entry of `credentials`. */
export type Credential = z.output<typeof credentialEntries>[string];
