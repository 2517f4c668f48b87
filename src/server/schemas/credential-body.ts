import * as z from 'zod';

const name = z
  .string()
  .min(1)
  .max(500)
  .regex(/^\P{C}*$/u, { error: 'must be one line of text' })
  .describe('For people.');
const description = z.string().max(2_000).default('').describe('For people.');
const secret = (): z.ZodString => z.string().min(1).max(10_000);

/** The body of `POST /credentials/`. */
export const credentialBody = z.discriminatedUnion('credentialType', [
  z.strictObject({
    credentialType: z.literal('s3').describe('Keys of an account of S3.'),
    name,
    description,
    awsAccessKeyId: secret().describe('The access key.'),
    awsSecretAccessKey: secret().describe('Its secret.'),
    awsSessionToken: secret().nullable().default(null).describe('For temporary credentials.'),
  }),
  z.strictObject({
    credentialType: z.literal('basic').describe('A user of a database.'),
    name,
    description,
    user: secret().describe('The user.'),
    password: z.string().max(10_000).describe('The password.'),
  }),
]);

/** The body of `POST /externalDataStores/`, with fields as in DataRobot's. */
export const dataStoreBody = z.strictObject({
  type: z.literal('jdbc').default('jdbc').describe('Kind of data store.'),
  canonicalName: name,
  params: z
    .strictObject({
      jdbcUrl: z
        .string()
        .max(4_000)
        .regex(/^\s*jdbc:(postgresql|mysql|mariadb):\/\//i, {
          error: 'must be an address of PostgreSQL, MySQL or MariaDB: jdbc:postgresql://host:5432/database',
        })
        .describe('Address of the database, without user and password.'),
      driverId: z.string().nullable().optional().describe('Not looked at: drivers are told by the address.'),
      credentialId: z
        .string()
        .min(1)
        .nullable()
        .default(null)
        .describe('One of your credentials, for jobs that name none themselves.'),
    })
    .describe('How it is reached.'),
});

/** The query of lists of credentials and data stores. */
export const secretsQuery = z.strictObject({
  offset: z
    .string()
    .regex(/^\d{1,9}$/, { error: 'must be a whole number' })
    .transform(Number)
    .prefault('0')
    .describe('Entries to leave out.'),
  limit: z
    .string()
    .regex(/^\d{1,9}$/, { error: 'must be a whole number' })
    .transform(Number)
    .prefault('0')
    .describe('Entries on a page; 0 for all, 1,000 at the most.'),
  type: z.string().max(40).optional().describe('Not looked at.'),
  types: z
    .union([z.string().max(40), z.array(z.string().max(40))])
    .optional()
    .describe('Not looked at.'),
  orderBy: z.string().max(40).optional().describe('Not looked at: the oldest come first.'),
});
