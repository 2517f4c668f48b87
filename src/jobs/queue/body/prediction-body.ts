import * as z from 'zod';
import { jobDescription } from '../../description/job-description.ts';
import { batchName } from './batch-name.ts';
import { intakeFields } from './intake-fields.ts';
import { outputFields } from './output-fields.ts';
import { without } from './without.ts';

/** A field of DataRobot's that is taken as long as it asks for nothing. @param isNothing what beside null asks for nothing more than there is. */
const unserved = (what: string, isNothing: (given: unknown) => boolean = () => false) =>
  z
    .unknown()
    .refine((given) => given === undefined || given === null || isNothing(given), {
      error: `is not served here: ${what}; leave it out`,
    })
    .optional()
    .describe(`Not served: ${what}.`);

const NGRAMS = 'explanations of text by its words';
/** The explanations that there are of several classes are those of the predicted one. */
const CLASSES = 'explanations of chosen classes, where there are those of the predicted one';

const deadLetters = z
  .strictObject(without(jobDescription.shape.deadLetters.unwrap().shape, 'path'))
  .prefault({})
  .describe('How many rows may fail before `abortOnError` ends the job.');

const HOST_NAME = 'must be a host name, with a port if it needs one';

const predictionInstance = z
  .strictObject({
    hostName: z
      .string()
      .regex(/^[\w.-]+(:\d{1,5})?$|^\[[0-9a-f:]+\](:\d{1,5})?$/i, { error: HOST_NAME, abort: true })
      // Ports and addresses have limits.
      .refine((host) => URL.canParse(`https://${host}`), { error: HOST_NAME })
      .describe('Host of the prediction server, with `:port` where it is not the usual one.'),
    sslEnabled: z.boolean().default(true).describe('https; false: http.'),
    datarobotKey: z.string().nullable().default(null).describe('The `DataRobot-Key` header.'),
    apiKey: z.string().nullable().default(null).describe("The token, in place of the deployment's."),
  })
  .nullable()
  .default(null)
  .describe('Another prediction server for the deployment.');

/**
 * The body of `POST /batchPredictions/`: the job description, without all that would let a caller reach the machine that serves him
 * (files, deployments in place, brokers), and with the fields of DataRobot that only its REST interface has.
 */
export const predictionBody = z.strictObject({
  ...without(
    jobDescription.shape,
    'deployment',
    'engine',
    'kafka',
    'report',
    'explanation',
    'inFlightPerPartition',
    'deadLetters',
    'intakeSettings',
    'outputSettings',
    'deploymentId',
  ),
  deploymentId: z
    .string()
    .min(1)
    .describe('The deployment to score with: one of those that `GET /deployments/` lists.'),
  deadLetters,
  intakeSettings: intakeFields,
  outputSettings: outputFields,
  predictionInstance,
  priority: z
    .int()
    .min(-100)
    .max(100)
    .default(0)
    .describe('Jobs of a higher priority go first among those that wait for the same prediction server.'),
  monitoringBatchPrefix: batchName(200)
    .nullable()
    .default(null)
    .describe(
      'Makes a batch of monitoring with the job, whose name is this and the ID of the job. Drift, accuracy and requests can be asked for of its rows alone.',
    ),
  monitoringBatchId: z
    .string()
    .min(1)
    .max(100)
    .nullable()
    .default(null)
    .describe('A batch of monitoring of yours that the rows count to, in place of one of their own.'),
  modelId: unserved('there is no leaderboard, name a deployment'),
  modelPackageId: unserved('there is no model registry, name a deployment'),
  timeseriesSettings: unserved('time series'),
  secondaryDatasetsConfigId: unserved('feature discovery'),
  maxNgramExplanations: unserved(NGRAMS, (given) => given === 0),
  maxNGramExplanations: unserved(NGRAMS, (given) => given === 0),
  explanationClassNames: unserved(CLASSES, (given) => Array.isArray(given) && given.length === 0),
  explanationNumTopClasses: unserved(CLASSES, (given) => given === 1),
  explanationsMode: unserved('modes of explanations'),
  monitoringColumns: unserved('jobs that only monitor'),
  monitoringAggregation: unserved('jobs that only monitor'),
  monitoringOutputSettings: unserved('jobs that only monitor'),
  batchJobType: z.literal('prediction').nullable().default('prediction').describe('Kind of job.'),
});

/** A body as it came, checked. */
export type PredictionBody = z.input<typeof predictionBody>;
/** A body with all its defaults. */
export type FilledBody = z.output<typeof predictionBody>;
