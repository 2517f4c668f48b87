import { dirname, join } from 'node:path';
import type { ConnectionGuard } from '../../../core/connection-guard.ts';
import { findSluiceError, SluiceError } from '../../../core/error.ts';
import { nameList, nearestNames } from '../../../scoring/output/nearest-name.ts';
import { assertAbilities } from '../../../scoring/wires/wire-abilities.ts';
import type { Configuration } from '../../configuration.ts';
import type { Deployment } from '../../description/deployment.ts';
import { type JobDescription, resolveJob } from '../../description/parse-job.ts';
import { Secret } from '../../description/secret.ts';
import { validate } from '../../description/validate.ts';
import { occludes, unexplained } from '../../explanations/occlusion-of.ts';
import { type MemoryLimits, withinMemory } from './memory-limits.ts';
import { type FilledBody, type PredictionBody, predictionBody } from './prediction-body.ts';

/** What a body may rest on. */
export interface BodyContext {
  readonly configuration: Configuration;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Asked before connections to addresses that a body gives. */
  readonly guard?: ConnectionGuard | undefined;
  /** What one job may take of the memory. */
  readonly limits?: MemoryLimits | undefined;
}

/** Checks a body, and gives it with its defaults, too. Throws CONFIG_INVALID that names each field which is wrong, with the nearest name. */
export function checkBody(body: unknown): { readonly body: PredictionBody; readonly filled: FilledBody } {
  const filled = validate(predictionBody, body, new Set(), { place: () => 'job' });
  return { body: body as PredictionBody, filled };
}

/** Where the rows of an upload are said to be read from, in messages and dead letters. */
export const UPLOAD = 'upload';

/** The file that the result of a job grows in. */
export function resultPath(folder: string): string {
  return join(folder, 'result.csv');
}

/**
 * The description of a job that was asked for by a body. Throws CONFIG_INVALID and DEPLOYMENT_UNKNOWN, in words for callers: nothing in them
 * tells of the machine.
 * @param folder the job's own, for its result.
 */
export function describedJob(body: PredictionBody, folder: string, context: BodyContext): JobDescription {
  const { configuration } = context;
  const { deploymentId } = body;
  const intake = body.intakeSettings ?? { type: 'localFile' as const };
  const output = body.outputSettings ?? { type: 'localFile' as const };
  if (!configuration.deploymentIds.includes(deploymentId)) throw unknownDeployment(deploymentId, configuration);
  const described = Object.fromEntries(
    Object.entries(body).filter(([name, value]) => !OF_SERVER.has(name) && value !== undefined),
  );
  const whole = resolved(
    {
      ...described,
      deploymentId,
      intakeSettings: intake.type === 'localFile' || intake.type === undefined ? { file: UPLOAD } : ownKeysOnly(intake),
      outputSettings:
        output.type === 'localFile' || output.type === undefined
          ? { path: resultPath(folder) }
          : inFolder(ownKeysOnly(output), folder),
    },
    folder,
    context,
  );
  const sampled = intake.type === 'localFile' || intake.type === undefined ? withoutSize(whole) : whole;
  const job = context.limits === undefined ? sampled : withinMemory(sampled, context.limits);
  // Whoever makes the job hears of it at once, and not when its turn has come.
  assertAbilities(job.deployment.wire, occludes(job) ? unexplained(job) : job);
  const { filled } = checkBody(body);
  return filled.predictionInstance === null
    ? job
    : { ...job, deployment: otherServer(job.deployment, filled.predictionInstance, context) };
}

/** How large an upload is may not be known to its first run, and to the next one: nothing of the job may depend on it. */
function withoutSize(job: JobDescription): JobDescription {
  return job.driftSampling === 'auto' ? { ...job, driftSampling: 'all' } : job;
}

/** What is wrong is told without the name of the configuration's file. */
function resolved(value: object, folder: string, context: BodyContext): JobDescription {
  try {
    return resolveJob(value, context);
  } catch (error) {
    const known = findSluiceError(error);
    if (known === undefined) throw error;
    throw new SluiceError(known.code, withoutPlaces(known.message, folder, context.configuration), { cause: error });
  }
}

/** A text for callers: without names of files and folders of the server. */
export function withoutPlaces(text: string, folder: string, { file }: Configuration): string {
  const state = dirname(dirname(folder));
  return text
    .replaceAll(`the configuration ${file}`, 'the configuration of the server')
    .replaceAll(file, 'the configuration of the server')
    .replaceAll(`${folder}/`, '')
    .replaceAll(folder, 'the folder of the job')
    .replaceAll(`${state}/`, '')
    .replaceAll(state, 'the folder of the server');
}

/** Fields that only the server has: those of its own, and those of DataRobot's that are taken as long as they ask for nothing. */
export const OF_SERVER: ReadonlySet<string> = new Set([
  'predictionInstance',
  'priority',
  'batchJobType',
  'monitoringBatchPrefix',
  'monitoringBatchId',
  ...Object.entries(predictionBody.shape).flatMap(([name, schema]) =>
    schema.description?.startsWith('Not served') === true ? [name] : [],
  ),
]);

/** A caller without credentials reads public buckets: those of the machine are not his. */
function ownKeysOnly<S extends { readonly type?: string | undefined }>(settings: S): S {
  if (settings.type !== 's3') return settings;
  const given = settings as S & { readonly credentials?: unknown; readonly credentialId?: string | null };
  const hasOwn = (given.credentials ?? null) !== null || (given.credentialId ?? null) !== null;
  return hasOwn ? settings : { ...settings, credentials: 'none' };
}

/** What is sent when it is finished grows in the job's own folder: other jobs may send to the same address. */
function inFolder<S extends { readonly type?: string | undefined }>(settings: S, folder: string): S {
  return settings.type === 'http' ? { ...settings, spool: join(folder, 'output') } : settings;
}

function otherServer(
  deployment: Deployment,
  instance: NonNullable<FilledBody['predictionInstance']>,
  { guard }: BodyContext,
): Deployment {
  const { hostName, sslEnabled, datarobotKey, apiKey } = instance;
  return {
    ...deployment,
    ...(guard === undefined ? {} : { guard }),
    server: `${sslEnabled ? 'https' : 'http'}://${hostName}`,
    // The deployment's own token is for its own server.
    token: apiKey === null ? null : new Secret(apiKey),
    dataRobotKey: datarobotKey === null ? null : new Secret(datarobotKey),
  };
}

function unknownDeployment(id: string, { deploymentIds }: Configuration): SluiceError {
  const near = nearestNames(id, deploymentIds);
  const hint = near.length > 0 ? `did you mean ${nameList(near)}?` : `there are ${nameList(deploymentIds) || 'none'}.`;
  return new SluiceError('DEPLOYMENT_UNKNOWN', `deploymentId: there is no deployment "${id.slice(0, 100)}"; ${hint}`);
}
