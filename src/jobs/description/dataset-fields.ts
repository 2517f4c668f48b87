import * as z from 'zod';
import { s3Credential } from './credential-fields.ts';
import { intakeColumns } from './format-fields.ts';
import { Secret } from './secret.ts';

const catalogAddress = () =>
  z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' })
    .refine((text) => !/^https?:\/\/[^/]*@/.test(text) && !text.includes('?'), {
      error: 'must hold no user, password or query; the token has a field of its own',
    });

const secretText = () =>
  z
    .string()
    .nullable()
    .default(null)
    .transform((given) => (given ? new Secret(given) : null));

/** Where the files of Sluice's own registry go, if not into the state folder. */
const catalogStore = z.strictObject({
  url: z
    .string()
    .regex(/^s3:\/\/[^/\s]+\/(.*\/)?$/s, { error: 'must be a prefix of the form s3://bucket/prefix/' })
    .describe('The prefix that new versions are written under.'),
  credentialId: z.string().min(1).nullable().default(null).describe('An entry of `credentials`.'),
  credentials: z
    .union([s3Credential, z.literal('none')])
    .nullable()
    .default(null)
    .describe('Credentials in place.'),
  endpointUrl: z
    .url({ protocol: /^https?$/ })
    .nullable()
    .default(null)
    .describe("Null: Amazon's own."),
  region: z.string().min(1).nullable().default(null).describe('As in an intake.'),
  pathStyle: z.boolean().nullable().default(null).describe('As in an intake.'),
});

/** `catalog` in a configuration: where jobs find datasets. */
export const catalogFields = z
  .strictObject({
    url: catalogAddress()
      .nullable()
      .default(null)
      .describe(
        "Base address of an AI Catalog's REST API, `https://host/api/v2`. Null: Sluice's own registry, in the state folder.",
      ),
    token: secretText().describe('Sent as a bearer token. Best written as a variable.'),
    allowedHosts: z
      .array(z.string().min(1))
      .default([])
      .describe('Hosts that it may redirect downloads to; the token is not sent there.'),
    caFile: z.string().min(1).nullable().default(null).describe('A file with certificates (PEM) to trust.'),
    store: catalogStore
      .nullable()
      .default(null)
      .describe('Where the own registry keeps the files of its versions. Null: beside its index.'),
  })
  .nullable()
  .default(null)
  .describe('Where the datasets are that jobs name.');

/** A catalog as a configuration describes it. */
export type CatalogFields = NonNullable<z.output<typeof catalogFields>>;

/** What a job must know of its catalog beyond its own settings. */
export interface CatalogPlace extends Pick<CatalogFields, 'caFile' | 'store'> {
  readonly allowedHosts: readonly string[];
  readonly url: string | null;
  readonly token: Secret | null;
  /** The folder of the own registry. */
  readonly folder: string;
  /** Whose datasets of the own registry are seen beside those that are there for all; null: everybody's. */
  readonly user: string | null;
}

/** `intakeSettings` of a job that reads a dataset of a catalog. */
export const datasetIntake = z
  .strictObject({
    type: z.literal('dataset').describe('Kind of intake.'),
    datasetId: z.string().min(1).describe("The dataset, by its ID; in Sluice's own registry also by its name."),
    datasetVersionId: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe(
        'The version. Null: the latest when the job begins; a job that is continued keeps to the one that it began with.',
      ),
    columns: intakeColumns,
    catalogUrl: catalogAddress()
      .nullable()
      .default(null)
      .describe(
        "Base address of the catalog's REST API. Null: `catalog` of the configuration, or Sluice's own registry.",
      ),
    token: secretText().describe('The token of the catalog, with `catalogUrl`.'),
    allowedHosts: z
      .array(z.string().min(1))
      .default([])
      .describe('Hosts that `catalogUrl` may redirect downloads to; the token is not sent there.'),
  })
  .superRefine(({ token, catalogUrl, allowedHosts }, context) => {
    const message = 'is for a catalogUrl beside it; that of the configuration has its own';
    if (catalogUrl !== null) return;
    if (token !== null) context.addIssue({ code: 'custom', path: ['token'], message });
    if (allowedHosts.length > 0) context.addIssue({ code: 'custom', path: ['allowedHosts'], message });
  })
  .transform((fields) => ({
    ...fields,
    format: 'auto' as const,
    jsonPath: null,
    compression: 'auto' as const,
    catalog: nowhereYet(),
  }));

/** Filled in when the job is resolved. */
function nowhereYet(): CatalogPlace | null {
  return null;
}
