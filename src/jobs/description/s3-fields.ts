import * as z from 'zod';
import { s3Credential } from './credential-fields.ts';
import {
  intakeColumns,
  intakeCompression,
  intakeFormat,
  jsonPath,
  outputCompression,
  outputFormat,
} from './format-fields.ts';
import { partitionColumns } from './partition-fields.ts';
import { rollFields } from './roll-fields.ts';
import { Secret } from './secret.ts';

const MIB = 1024 * 1024;

const secretText = () =>
  z
    .string()
    .nullable()
    .default(null)
    .transform((given) => (given ? new Secret(given) : null));

const url = () =>
  z.string().regex(/^s3:\/\/[^/\s]+(\/.*)?$/s, { error: 'must be an address of the form s3://bucket/key' });

/** How a store is reached; for intake and output alike. */
const access = {
  credentialId: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('An entry of `credentials` in the configuration. Null: `credentials`, or what the machine has.'),
  credentials: z
    .union([s3Credential, z.literal('none')])
    .nullable()
    .default(null)
    .describe(
      'Credentials in place, instead of `credentialId`; `none` for public buckets. Null: what the tools of AWS would find ' +
        '(environment, profile, role of the machine), and none where there is nothing.',
    ),
  endpointUrl: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' })
    .refine((text) => !/^https?:\/\/[^/]*@/.test(text), { error: 'must hold no user and password; see credentials' })
    .nullable()
    .default(null)
    .describe("A server that speaks S3. Null: what AWS_ENDPOINT_URL says, else Amazon's."),
  region: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('Null: what the tools of AWS would find, or us-east-1 with an `endpointUrl`.'),
  pathStyle: z
    .boolean()
    .nullable()
    .default(null)
    .describe('Names the bucket in the path of requests, not in the host name. Null: with an `endpointUrl`.'),
  checksums: z
    .enum(['whenSupported', 'whenRequired'])
    .default('whenSupported')
    .describe('`whenRequired` leaves out the checksums that older servers do not know.'),
  connections: z.int().min(1).max(64).default(8).describe('Requests at once, for large objects.'),
};

/** `intakeSettings` of a job that reads objects of S3. */
export const s3Intake = z
  .strictObject({
    type: z.literal('s3').describe('Kind of intake.'),
    url: url().describe(
      'An object; a prefix that ends in a slash, for all objects under it; or a pattern (`s3://bucket/2026/*.csv`), in the order of their keys.',
    ),
    format: intakeFormat,
    jsonPath,
    columns: intakeColumns,
    compression: intakeCompression,
    ...access,
    customerKey: secretText().describe(
      'The key of objects that were encrypted with one of your own (SSE-C), in base64.',
    ),
    rangeBytes: z
      .int()
      .min(65_536)
      .default(8 * MIB)
      .describe('Bytes of one ranged read.'),
    aheadBytes: z
      .int()
      .min(65_536)
      .default(64 * MIB)
      .describe('Bytes that may be read ahead.'),
  })
  .superRefine(onlyOneCredential);

/** `outputSettings` of a job that writes an object of S3. */
export const s3Output = z
  .strictObject({
    type: z.literal('s3').describe('Kind of output.'),
    url: url().describe(
      'The object to write. `{{ current_run_timestamp }}` (milliseconds since 1970) and `{{ current_run_time }}` (UTC) in it ' +
        'are replaced when the run begins; such an output is never continued, as the next run has another name. ' +
        'For a live topic, or with `partitionColumns`, the prefix of the parts, with a slash at its end.',
    ),
    format: outputFormat,
    compression: outputCompression,
    ...access,
    partitionColumns,
    serverSideEncryption: z
      .strictObject({
        algorithm: z.enum(['AES256', 'aws:kms']).nullable().default(null).describe("With keys of the store's."),
        kmsKeyId: z.string().min(1).nullable().default(null).describe('The key, for `aws:kms`.'),
        kmsEncryptionContext: z
          .string()
          .min(1)
          .nullable()
          .default(null)
          .describe('A JSON object in base64, for `aws:kms`.'),
        customerAlgorithm: z.literal('AES256').nullable().default(null).describe('With a key of your own.'),
        customerKey: secretText().describe('That key, in base64: the store does not keep it.'),
      })
      .nullable()
      .default(null)
      .describe('How the store encrypts what is written.'),
    partBytes: z
      .int()
      .min(5 * MIB)
      .max(5 * 1024 * MIB)
      .default(16 * MIB)
      .describe(
        'Bytes of one part of the upload, in whole MiB. There can be 10,000: the default is enough for 167 GB.',
      ),
    roll: rollFields,
  })
  .superRefine(onlyOneCredential);

function onlyOneCredential(
  { credentialId, credentials }: { readonly credentialId: string | null; readonly credentials: unknown },
  context: z.core.$RefinementCtx,
): void {
  if (credentialId === null || credentials === null) return;
  const message = 'cannot be given beside credentialId; keep one of them';
  context.addIssue({ code: 'custom', path: ['credentials'], message });
}
