import * as z from 'zod';
import { WIRE_NAMES } from '../../scoring/wires/wire.ts';
import { explanationAlgorithms, explanationFields } from './explanation-fields.ts';
import { checkWireFields, wireFields } from './wire-fields.ts';

/** Fields of a deployment, as an entry of a configuration has them; inline, `id` comes on top. */
const shape = {
  server: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' })
    .refine(isPlainAddress, {
      error: 'must hold no user, password, query or fragment; the token has a field of its own',
    })
    .describe('Base URL of the prediction server.'),
  wire: z
    .enum(WIRE_NAMES)
    .default('datarobot')
    .describe(
      "Request and reply format of the server: `datarobot` is DataRobot's Prediction API, `drum` the server of its custom models, " +
        '`oip` the Open Inference Protocol v2 (MLServer, KServe, Triton), `mlflow` is `mlflow models serve`, `json` any other.',
    ),
  token: z
    .string()
    .nullable()
    .default(null)
    .describe('Sent as a bearer token. Best written as a variable: `${PREDICTION_TOKEN}`. Empty or null sends none.'),
  tokenFile: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('A file with the token, in place of `token`; line ends around it are cut off.'),
  dataRobotKey: z
    .string()
    .nullable()
    .default(null)
    .describe("The `DataRobot-Key` header, which prediction servers of DataRobot's own cloud ask for."),
  target: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      "Name of the target, for the names of the output's columns. Null: what the server says, or the deployment's id; needed " +
        'for JSON replies of `datarobot` servers that do not say it.',
    ),
  classes: z
    .array(z.string().min(1))
    .min(2)
    .refine((labels) => new Set(labels).size === labels.length, { error: 'names a class twice' })
    .nullable()
    .default(null)
    .describe(
      'Class labels in the order of the probabilities in replies, for servers that do not name them (scikit-learn sorts them). ' +
        'With two classes a single number is the probability of the positive one.',
    ),
  positiveClass: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('Which of two classes is the positive one. Null: the one that the server says, or the second.'),
  associationId: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('The association ID column; it is always in the output, once.'),
  accuracy: z
    .boolean()
    .default(false)
    .describe(
      'Keeps the prediction of each scored row by its association ID in the state folder, for `sluice actuals`. Needs `associationId`.',
    ),
  baseline: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('A file of `sluice baseline`: jobs count their rows by its bins, and tell how far they drifted from it.'),
  driftThreshold: z
    .number()
    .positive()
    .default(0.15)
    .describe('A column whose population stability index is greater has drifted.'),
  explanationAlgorithm: z
    .enum(explanationAlgorithms)
    .nullable()
    .default(null)
    .describe(
      'How explanations are computed for jobs that do not say it: `occlusion` gives them for servers that have none. Null: as the server likes.',
    ),
  explanation: explanationFields
    .nullable()
    .default(null)
    .describe('How `occlusion` explains rows of jobs that do not say it. Null: by the defaults.'),
  reply: z
    .enum(['csv', 'json'])
    .default('csv')
    .describe('What a `datarobot` server is asked to answer with. CSV is read several times faster.'),
  rowWitness: z
    .boolean()
    .default(true)
    .describe(
      'Sends a column that numbers the rows and asks for it back, so that a CSV reply is matched row by row. ' +
        'False for servers that refuse columns they do not know: then only the number of rows is checked. `datarobot` only: ' +
        'other wires have no words for it.',
    ),
  ...wireFields,
  timeoutMs: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(600_000)
    .describe('How long the server may take to answer, in milliseconds.'),
  caFile: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe("A file with certificates (PEM) to trust in place of the machine's own."),
  insecure: z.boolean().default(false).describe('Accepts any certificate. For tests only.'),
};

const oneToken = {
  error: 'has both token and tokenFile; keep one of them',
  path: ['tokenFile'],
};

const ids = { error: 'needs associationId, the column that actuals name rows by', path: ['accuracy'] };

/** An entry of `deployments` in a configuration. */
export const deploymentEntry = z
  .strictObject(shape)
  .refine(hasOneToken, oneToken)
  .refine(hasIds, ids)
  .superRefine(checkWireFields);

/** `deployment` in a job description. */
export const inlineDeployment = z
  .strictObject({
    id: z.string().min(1).describe('The deployment, by the name that the prediction server knows it by.'),
    ...shape,
  })
  .refine(hasOneToken, oneToken)
  .refine(hasIds, ids)
  .superRefine(checkWireFields);

/** A deployment as it is written, with all defaults. */
export type DeploymentFields = z.output<typeof inlineDeployment>;

function hasOneToken(fields: { readonly token: string | null; readonly tokenFile: string | null }): boolean {
  return !fields.token || fields.tokenFile === null;
}

function hasIds(fields: { readonly accuracy: boolean; readonly associationId: string | null }): boolean {
  return !fields.accuracy || fields.associationId !== null;
}

function isPlainAddress(address: string): boolean {
  const url = URL.parse(address);
  return url === null || `${url.username}${url.password}${url.search}${url.hash}` === '';
}
