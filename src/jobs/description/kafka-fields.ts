import * as z from 'zod';
import { Secret } from './secret.ts';
import { isPattern } from './topic-names.ts';

const text = () => z.string().min(1);
const secretText = () =>
  z
    .string()
    .nullable()
    .default(null)
    .transform((given) => (given ? new Secret(given) : null));

const brokerList = z
  .union([text(), z.array(text()).min(1)])
  .transform((given) => [given].flat().flatMap((list) => list.split(',').map((broker) => broker.trim())))
  .refine((brokers) => brokers.every((broker) => /^(\[[^\]]+\]|[^:/\s]+):\d{1,5}$/.test(broker)), {
    error: 'must be host:port, several of them in a list or separated by commas',
  });

const sasl = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']).describe('How to log in.'),
    username: z.string().default('').describe('The user, for all but `oauthbearer`.'),
    password: secretText().describe('Best written as a variable: `${KAFKA_PASSWORD}`.'),
    token: secretText().describe('The bearer token of `oauthbearer`.'),
    tokenFile: text()
      .nullable()
      .default(null)
      .describe(
        'A file with the token, in place of `token`, read anew at each login: for tokens that expire and are replaced there.',
      ),
  })
  .superRefine(({ mechanism, username, password, token, tokenFile }, context) => {
    const isBearer = mechanism === 'oauthbearer';
    if (isBearer && !token && tokenFile === null)
      context.addIssue({ code: 'custom', path: ['token'], message: 'or tokenFile is needed for oauthbearer' });
    if (token && tokenFile !== null)
      context.addIssue({ code: 'custom', message: 'has both token and tokenFile; keep one of them' });
    if (!isBearer && (username === '' || !password))
      context.addIssue({ code: 'custom', message: `needs username and password for ${mechanism}` });
  });

const tls = z.strictObject({
  caFile: text().nullable().default(null).describe("Certificates (PEM) to trust in place of the machine's own."),
  certFile: text().nullable().default(null).describe('The certificate (PEM) of this client.'),
  keyFile: text().nullable().default(null).describe('Its key (PEM).'),
  insecure: z.boolean().default(false).describe('Accepts any certificate. For tests only.'),
});

/** A Kafka cluster. */
const kafkaFields = z.strictObject({
  brokers: brokerList.describe('`host:port` of one or more brokers; `--brokers` takes its place.'),
  client: z
    .enum(['kafkajs', 'platformatic'])
    .default('kafkajs')
    .describe('The client library: its connections. `platformatic` wants `npm install @platformatic/kafka`.'),
  clientId: text().default('sluice').describe('The name that brokers see in their logs and quotas.'),
  rack: text().nullable().default(null).describe('Where this process stands, so that it reads from near replicas.'),
  tls: z
    .union([z.boolean(), tls])
    .default(false)
    .transform((given) => (given === true ? tls.parse({}) : given || null))
    .describe('True, or certificates: encrypts the connections.'),
  sasl: sasl.nullable().default(null).describe('How to log in.'),
  compression: z
    .enum(['none', 'gzip', 'zstd', 'snappy', 'lz4'])
    .default('none')
    .describe(
      'How what is written is compressed. `snappy` and `lz4` want a package of that name (`snappy`, `lz4-napi`).',
    ),
  retrySeconds: z.number().min(1).max(86_400).default(120).describe('How long brokers may be away before a job fails.'),
  sessionSeconds: z
    .number()
    .min(1)
    .max(1_800)
    .default(30)
    .describe('After so long without a sign of life a process loses its partitions to others.'),
  stuckSeconds: z
    .number()
    .min(1)
    .default(900)
    .describe('After so long without progress on a partition that has rows a process gives its partitions up.'),
  replicationFactor: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe("Of the topics that jobs make. Null: the cluster's default."),
});

/** `kafka` in a job description and in a configuration: the cluster, and what `engine: kafka` keeps on it. */
export const kafkaJobFields = kafkaFields.extend({
  job: z
    .string()
    .regex(/^[\w.-]{1,100}$/, { error: 'must be letters, digits, dots, dashes and underscores, at most 100' })
    .nullable()
    .default(null)
    .describe(
      "The job's name on the cluster, in the names of its topics. Null: made of what the job is, the same on every run.",
    ),
  keepTopics: z.boolean().default(false).describe('Keeps the topics of a finished job, for a replay.'),
});

const registry = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' }).describe('Base URL.'),
  username: text().nullable().default(null).describe('For basic authentication.'),
  password: secretText().describe('Best written as a variable: `${REGISTRY_PASSWORD}`.'),
  token: secretText().describe('A bearer token, in place of user and password.'),
});

const format = z.enum(['json', 'csv', 'avro']).default('json').describe('What a message holds: one row.');

const place = z.union([
  z.enum(['earliest', 'latest']),
  z.iso.datetime({
    offset: true,
    error: 'must be earliest, latest, a time such as 2026-01-31T12:00:00Z, or offsets by partition',
  }),
  z.record(z.string().regex(/^\d+$/), z.int().min(0)),
]);

/** `intakeSettings` of a job that reads a topic. */
export const kafkaIntake = z
  .strictObject({
    type: z.literal('kafka').describe('Kind of intake.'),
    topic: text().optional().describe('The topic to read.'),
    topics: z.array(text()).min(1).optional().describe('Several of them, in place of `topic`.'),
    topicPattern: text()
      .optional()
      .describe('All topics that this regular expression matches as a whole, also later ones.'),
    group: text()
      .nullable()
      .default(null)
      .describe('The consumer group; its members share the partitions. Needed unless `until` makes the job a replay.'),
    from: place
      .default('earliest')
      .describe(
        'Where partitions begin for which the group has committed nothing: earliest, latest, a time, or offsets by partition.',
      ),
    until: z
      .union([z.literal('end'), place.options[1], place.options[2]])
      .nullable()
      .default(null)
      .describe(
        'Where the job ends: `end` (what is there when it begins), a time that has passed, or offsets by partition. Null: never.',
      ),
    format: z
      .enum(['json', 'csv', 'avro', 'sluice'])
      .default('json')
      .describe("What a message holds: one row; or `sluice`, the blocks of an earlier job's rows."),
    columns: z
      .array(text())
      .nullable()
      .default(null)
      .describe('The columns, in order; needed for `csv`. Null: as the messages show them.'),
    registry: registry.nullable().default(null).describe('The schema registry, for `avro`.'),
    readCommitted: z.boolean().default(true).describe('Leaves out what open and aborted transactions wrote.'),
  })
  .superRefine((given, context) => {
    const { topic, topics, topicPattern, until, group, format: form, columns, registry: address } = given;
    const named = [topic, topics, topicPattern].filter((name) => name !== undefined).length;
    if (named !== 1)
      context.addIssue({
        code: 'custom',
        message: 'must name what to read by exactly one of topic, topics and topicPattern',
      });
    if (until === null && group === null)
      context.addIssue({
        code: 'custom',
        path: ['group'],
        message: 'is needed by a job without an end; or give until, for a replay',
      });
    if (form === 'csv' && columns === null)
      context.addIssue({
        code: 'custom',
        path: ['columns'],
        message: 'is needed for csv, as messages have no header line',
      });
    if (form === 'avro' && address === null)
      context.addIssue({ code: 'custom', path: ['registry'], message: 'is needed for avro' });
    if (form === 'sluice' && until === null)
      context.addIssue({ code: 'custom', path: ['format'], message: 'sluice can be replayed only: give until' });
    if (topicPattern !== undefined && !isPattern(topicPattern))
      context.addIssue({ code: 'custom', path: ['topicPattern'], message: 'is no regular expression' });
  });

/** `outputSettings` of a job that writes a topic. */
export const kafkaOutput = z
  .strictObject({
    type: z.literal('kafka').describe('Kind of output.'),
    topic: text().describe('The topic to write, which must exist.'),
    format,
    registry: registry.nullable().default(null).describe('The schema registry, for `avro`.'),
    subject: text().nullable().default(null).describe('The subject of the schema. Null: `<topic>-value`.'),
    schemaId: z
      .enum(['value', 'header'])
      .default('value')
      .describe(
        'Where the ID of the schema stands: before the data, as most readers want it, or in the header `__value_schema_id`.',
      ),
    keyColumn: text()
      .nullable()
      .default(null)
      .describe('The output column that becomes the key of a message. Null: the key that the row came with, if any.'),
    partitioning: z
      .enum(['source', 'key'])
      .default('source')
      .describe(
        '`source` keeps the partition that a row came in, `key` goes by the hash of the key, as Java clients do.',
      ),
    delivery: z
      .enum(['exactlyOnce', 'atLeastOnce'])
      .default('exactlyOnce')
      .describe('`exactlyOnce` writes in transactions; `atLeastOnce` may write rows again after a crash.'),
    deadLetterTopic: text()
      .nullable()
      .default(null)
      .describe('Where messages go that cannot be scored. Null: `<topic>.dead`. Made if it is not there.'),
    keepFailed: z
      .boolean()
      .default(false)
      .describe('Writes rows that were not scored to the output too, without a prediction.'),
  })
  .superRefine(({ format: form, registry: address }, context) => {
    if (form === 'avro' && address === null)
      context.addIssue({ code: 'custom', path: ['registry'], message: 'is needed for avro' });
  });
