import * as z from 'zod';
import { csvFields } from './csv-fields.ts';
import { datasetIntake } from './dataset-fields.ts';
import { deadLetterPathProblem } from './dead-letter-path.ts';
import { inlineDeployment } from './deployment-fields.ts';
import { explanationAlgorithms, explanationFields } from './explanation-fields.ts';
import { httpIntake, httpOutput } from './http-fields.ts';
import { kafkaIntake, kafkaJobFields, kafkaOutput } from './kafka-fields.ts';
import { localFileIntake, localFileOutput } from './local-file-fields.ts';
import { partitionProblem } from './partition-fields.ts';
import { s3Intake, s3Output } from './s3-fields.ts';
import { jdbcIntake, jdbcOutput } from './sql-fields.ts';
import { topicLoop } from './topic-loop.ts';

const flag = (value: boolean) => z.boolean().default(value);
const threshold = () => z.number().nullable().default(null);
const columns = () =>
  z
    .array(z.string().min(1))
    .nullable()
    .default([])
    .transform((names) => names ?? []);

const remapped = z.union([z.string().min(1), z.null(), z.literal(false)]).transform((name) => name || null);

const columnNamesRemapping = z
  .union([
    z.record(z.string(), remapped),
    z.array(z.strictObject({ inputName: z.string().min(1), outputName: remapped })),
  ])
  .nullable()
  .prefault([])
  .transform((given) =>
    Array.isArray(given)
      ? given
      : Object.entries(given ?? {}).map(([inputName, outputName]) => ({ inputName, outputName })),
  )
  .refine((list) => new Set(list.map((entry) => entry.inputName)).size === list.length, {
    error: 'names a column twice; keep one entry of it',
  });

/**
 * The job description: the body of DataRobot's `POST /batchPredictions/` as far as this version serves it, with the
 * additions of ours. This one schema gives the types, the defaults, the validation, config/job.schema.json and
 * docs/reference/job.md.
 */
export const jobDescription = z
  .strictObject({
    deploymentId: z
      .string()
      .min(1)
      .optional()
      .describe('The deployment to score with: an entry of `deployments` in the configuration given with `--config`.'),
    deployment: inlineDeployment.optional().describe('The deployment described in place, instead of `deploymentId`.'),
    pinnedModelId: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe('The model that must answer. Null takes the one that the deployment has when the job begins.'),
    onModelChange: z
      .enum(['abort', 'pause', 'record'])
      .default('abort')
      .describe(
        'When another model answers than the one the job began with: `abort` ends the job; `pause` waits until that model answers ' +
          'again; `record` goes on with the new one, batch by batch, and the manifest counts the rows of each.',
      ),
    intakeSettings: z
      .discriminatedUnion('type', [localFileIntake, s3Intake, jdbcIntake, httpIntake, datasetIntake, kafkaIntake])
      .describe('Where rows are read from.'),
    outputSettings: z
      .discriminatedUnion('type', [localFileOutput, s3Output, jdbcOutput, httpOutput, kafkaOutput])
      .describe('Where scored rows are written to.'),
    csvSettings: csvFields.prefault({}).describe('How CSV is read, and written.'),
    numConcurrent: z
      .int()
      .min(1)
      .max(1024)
      .default(4)
      .describe('Requests to the prediction server at once, at the most.'),
    limiter: z
      .enum(['auto', 'fixed'])
      .default('auto')
      .describe(
        'How many of them are under way: `auto` finds out what the server bears, and shares it with the other jobs of the process; ' +
          '`fixed` always allows `numConcurrent`.',
      ),
    serverShare: z
      .strictObject({
        priority: z
          .enum(['live', 'batch'])
          .nullable()
          .default(null)
          .describe(
            'Requests of `live` jobs go before those of `batch` jobs, which leave a place in the server free for them. Null: `live` for a topic without an ' +
              'end, `batch` for all else.',
          ),
        maxShare: z
          .number()
          .gt(0)
          .max(1)
          .default(1)
          .describe('Of the requests at once that the server bears, so much at the most; one is always allowed.'),
      })
      .prefault({})
      .describe(
        'What the job may have of a server that others use too: jobs of the same process, and over Kafka of other ones. For `limiter: auto` only.',
      ),
    chunkSize: z
      .union([z.enum(['auto', 'fixed', 'dynamic']), z.int().min(20).max(41_943_040)])
      .default('auto')
      .describe(
        'How much goes into one request: `auto` begins with 256 KiB (64 KiB with explanations) and learns what gives most rows a second, ' +
          'where no byte of the output depends on it; `fixed` is 5 MB (1 MB with explanations), ' +
          '`dynamic` keeps requests between 0.1 and 0.4 s, a number is bytes.',
      ),
    chunkRows: z
      .int()
      .min(1)
      .max(10_000_000)
      .nullable()
      .default(null)
      .describe(
        'Rows in one request at the most. Null: 5,000 for `auto` to begin with, 5,000 for `dynamic`, no limit of its own for `fixed` and bytes.',
      ),
    lingerMs: z
      .int()
      .min(0)
      .max(3_600_000)
      .default(100)
      .describe('How long a request that is not full waits for more rows of a slow intake, in milliseconds.'),
    maxExplanations: z.int().min(0).max(100).default(0).describe('Explanations per row, the strongest first.'),
    thresholdHigh: threshold().describe('Explains rows whose prediction is at least this.'),
    thresholdLow: threshold().describe('Explains rows whose prediction is at most this. Neither of the two: all rows.'),
    explanationAlgorithm: z
      .enum(explanationAlgorithms)
      .nullable()
      .default(null)
      .describe(
        'How explanations are computed: `shap` or `xemp` by servers that let one choose; `occlusion` by Sluice, on any server, by scoring ' +
          'perturbed copies of each row. Null: as the deployment says, else as the server likes.',
      ),
    explanation: explanationFields
      .nullable()
      .default(null)
      .describe(
        'How `explanationAlgorithm: occlusion` explains rows, and what that may cost. Null: as the deployment says, else by the defaults.',
      ),
    predictionThreshold: z
      .number()
      .min(0)
      .max(1)
      .nullable()
      .default(null)
      .describe("Two classes: positive above this probability. Null: the deployment's own threshold."),
    predictionWarningEnabled: z
      .boolean()
      .nullable()
      .default(false)
      .transform((given) => given ?? false)
      .describe('Adds IS_OUTLIER_PREDICTION, for regression with prediction boundaries.'),
    includePredictionStatus: flag(false).describe('Adds `prediction_status`: OK, or why the row was not scored.'),
    includeModelVersion: flag(false).describe(
      'Adds `model_version`: the model that scored the row, with its version behind an @ where the server tells versions apart.',
    ),
    includeProbabilities: flag(true).describe(
      'Writes class probabilities. False leaves them out, and THRESHOLD and POSITIVE_CLASS with them.',
    ),
    includeProbabilitiesClasses: columns().describe('Writes only the probabilities of these classes. Empty: of all.'),
    passthroughColumns: columns().describe('Columns of the intake to copy behind the predictions.'),
    passthroughColumnsSet: z
      .literal('all')
      .nullable()
      .default(null)
      .describe('`all` copies every column of the intake; `passthroughColumns` is then not looked at.'),
    columnNamesRemapping: columnNamesRemapping.describe(
      'New names of output columns, as `{old: new}` or as a list of `{inputName, outputName}`; null or false drops the column.',
    ),
    skipDriftTracking: flag(false).describe(
      'Keeps the rows out of statistics of drift, predictions and accuracy: nothing is counted, nothing is kept.',
    ),
    driftSampling: z
      .union([z.enum(['auto', 'all']), z.int().min(1).max(1_000_000)])
      .default('auto')
      .describe(
        'Rows that statistics are made of: `all`, one in so many of each batch, or `auto`: one in 50 of an intake of more than 64 MB, else all.',
      ),
    report: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe('A folder that gets `report.json` and `report.html` when the job is done. Null: none.'),
    abortOnError: flag(true).describe('Ends the job when more rows fail than `deadLetters` allows. False never does.'),
    disableRowLevelErrorHandling: flag(false).describe(
      'True fails all rows of a request that the server refuses, in place of searching for the bad ones.',
    ),
    inFlightPerPartition: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe('Requests at once for one partition of a live topic, for topics with few of them; order is kept.'),
    engine: z
      .enum(['direct', 'kafka'])
      .default('direct')
      .describe(
        'What joins the stages of the job: `direct`, memory of one process; `kafka`, topics, so that `sluice worker` processes help.',
      ),
    kafka: kafkaJobFields
      .nullable()
      .default(null)
      .describe('The Kafka cluster, for `engine: kafka` and for intakes and outputs that are topics.'),
    retry: z
      .strictObject({
        budgetSeconds: z
          .number()
          .min(0)
          .max(31_536_000)
          .default(600)
          .describe('How long a server that worked before may fail without any success before the job ends.'),
        connectSeconds: z
          .number()
          .min(0)
          .max(31_536_000)
          .default(30)
          .describe('How long to wait for the first success of the job.'),
      })
      .prefault({})
      .describe('How long the job waits for a prediction server that is overloaded or gone.'),
    deadLetters: z
      .strictObject({
        path: z
          .string()
          .min(1)
          .nullable()
          .default(null)
          .describe(
            'Where rows go that could not be scored. Null: beside the output, as `<output>.dead.jsonl`. Not for outputs that are topics or tables, ' +
              'nor for parts of a live topic: they have places of their own.',
          ),
        maxShare: z.number().min(0).max(1).default(0.2).describe('Share of bad rows that `abortOnError` allows.'),
        maxBytes: z.int().min(0).default(100_000_000).describe('Bytes of bad rows that `abortOnError` allows.'),
        minRows: z
          .int()
          .min(0)
          .default(1_000)
          .describe('The share is looked at from this many rows on, and at the end of the job.'),
        windowRows: z
          .int()
          .min(1)
          .nullable()
          .default(20_000)
          .describe(
            'So many of the last rows are also looked at by themselves, so that a long job does not go on searching for bad rows ' +
              'where all are. Null: they are not.',
          ),
        windowShare: z
          .number()
          .min(0)
          .max(1)
          .default(0.9)
          .describe('Share of bad rows among those that `abortOnError` allows.'),
      })
      .prefault({})
      .describe('What becomes of rows that cannot be scored, and how many there may be.'),
  })
  .superRefine((given, context) => {
    const { thresholdHigh: high, thresholdLow: low } = given;
    if (high !== null && low !== null && high < low) {
      context.addIssue({ code: 'custom', path: ['thresholdHigh'], message: 'must not be below thresholdLow' });
    }
    const { intakeSettings: intake, outputSettings: output } = given;
    const isLive = intake.type === 'kafka' && intake.until === null;
    if (isLive && output.type === 'localFile' && output.path === '-') {
      const message = 'must be a folder for the parts of a live topic; or give intakeSettings.until';
      context.addIssue({ code: 'custom', path: ['outputSettings', 'path'], message });
    }
    if (isLive && output.type === 'http') {
      const message = 'http cannot take a live topic: write files (localFile) or a topic, or give intakeSettings.until';
      context.addIssue({ code: 'custom', path: ['outputSettings', 'type'], message });
    }
    const loop = isLive && output.type === 'kafka' ? topicLoop(intake, output) : null;
    if (loop !== null)
      context.addIssue({ code: 'custom', path: ['outputSettings', loop.field], message: loop.message });
    const lettersProblem = deadLetterPathProblem(given.deadLetters.path, output.type, isLive);
    if (lettersProblem !== null)
      context.addIssue({ code: 'custom', path: ['deadLetters', 'path'], message: lettersProblem });
    const isIntake = intake.type === 's3' && output.type === 's3' && intake.url === output.url;
    const message =
      output.type !== 's3'
        ? null
        : isIntake && intake.endpointUrl === output.endpointUrl
          ? 'is the object that is read; write to another one'
          : output.partitionColumns.length > 0
            ? null
            : s3UrlProblem(output.url, isLive);
    if (message !== null) context.addIssue({ code: 'custom', path: ['outputSettings', 'url'], message });
    if (output.type === 's3' || output.type === 'localFile') {
      const place = output.type === 's3' ? 'url' : 'path';
      const problem = partitionProblem(output, output.type === 's3' ? output.url : output.path, isLive);
      const field = problem?.field === 'address' ? place : problem?.field;
      if (problem !== null && field !== undefined)
        context.addIssue({ code: 'custom', path: ['outputSettings', field], message: problem.message });
    }
  })
  .refine(namesOneDeployment, {
    error: 'needs either deploymentId (an entry of the configuration) or deployment (described in place), not both',
    // Worth saying beside other problems: it looks at nothing but whether the two fields are there.
    when: ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value),
  });

/** A job description as one writes it: fields with defaults may be left out. */
export type JobInput = z.input<typeof jobDescription>;

/** A job description with all defaults, deployments and files not looked up yet. */
export type JobFields = z.output<typeof jobDescription>;

/** What is wrong with the address of an output in S3; null when nothing is. */
function s3UrlProblem(url: string, isLive: boolean): string | null {
  const key = url.replace(/^s3:\/\/[^/]+\/?/, '');
  const isPrefix = key === '' ? url.endsWith('/') : key.endsWith('/');
  if (!isLive) return key === '' || isPrefix ? 'must name an object: s3://bucket/key' : null;
  if (!isPrefix)
    return 'must be a prefix that ends in a slash, for the parts of a live topic; or give intakeSettings.until';
  return url.includes('{{')
    ? 'must be the same on every run, for the parts of a live topic: no template variables'
    : null;
}

function namesOneDeployment(given: { readonly deployment?: unknown; readonly deploymentId?: unknown }): boolean {
  return (given.deployment === undefined) !== (given.deploymentId === undefined);
}
