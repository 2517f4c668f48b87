import { readFileSync } from 'node:fs';
import type { ConnectionGuard } from '../../core/connection-guard.ts';
import { SluiceError } from '../../core/error.ts';
import type { BaselineSample } from '../../scoring/explanations/baseline-sample.ts';
import type { Priority } from '../../scoring/limiter/fair-parts.ts';
import { catalogPlace } from '../catalog/catalog-place.ts';
import type { Configuration } from '../configuration.ts';
import { predictionLogPath } from '../monitoring/prediction-log-path.ts';
import { s3KeysOf } from '../s3-keys.ts';
import { spoolPath } from '../spool-path.ts';
import { stateFolder } from '../state-folder.ts';
import { databaseAccess } from './database-access.ts';
import { type Deployment, resolveDeployment } from './deployment.ts';
import { type ExplanationFields, explanationFields } from './explanation-fields.ts';
import type { Guarded } from './guarded.ts';
import { type JobFields, jobDescription } from './job-description.ts';
import { kafkaJobFields } from './kafka-fields.ts';
import type { Secret } from './secret.ts';
import { unreadable } from './unreadable.ts';
import { validate, validateWritten } from './validate.ts';
import { withGuard } from './with-guard.ts';
import { readWritten, type WrittenText } from './written-text.ts';

type Immutable<T> = T extends Secret
  ? T
  : T extends readonly (infer E)[]
    ? readonly Immutable<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Immutable<T[K]> }
      : T;

/** A job with every default filled in and its deployment found: all that a run needs to know. */
export interface JobDescription
  extends Immutable<
    Omit<
      JobFields,
      'deployment' | 'deploymentId' | 'chunkRows' | 'serverShare' | 'intakeSettings' | 'outputSettings' | 'explanation'
    >
  > {
  readonly intakeSettings: Immutable<JobFields['intakeSettings']> & Guarded;
  readonly outputSettings: Immutable<JobFields['outputSettings']> & Guarded;
  readonly deployment: Deployment;
  /** Rows in one request at the most. */
  readonly chunkRows: number;
  readonly serverShare: ServerShare;
  readonly explanation: Immutable<ExplanationFields>;
  /** The rows that `explanationAlgorithm: occlusion` explains by; null until a run has read them. */
  readonly baseline: BaselineSample | null;
  /** Whether the job says so itself; else `chunkSize: auto` only begins with so many. */
  readonly isChunkRowsGiven: boolean;
  /** Where predictions are kept by association ID; null: nowhere. */
  readonly predictionLog: string | null;
}

/** What a job may have of a server that others use too. */
interface ServerShare {
  readonly priority: Priority;
  /** Of the requests at once that the server bears, in (0, 1]. */
  readonly maxShare: number;
}

/** Where the parts of a job come from that stand elsewhere. */
export interface JobContext {
  /** Deployments that `deploymentId` may name. */
  readonly configuration?: Configuration | undefined;
  /** Brokers that take the place of those in the job and the configuration. */
  readonly brokers?: string | undefined;
  /** Takes the place of the job's own `engine`. */
  readonly engine?: 'direct' | 'kafka' | undefined;
  /** Takes the place of what the job's own `serverShare` says. */
  readonly serverShare?: Partial<ServerShare> | undefined;
  /** Asked before connections to addresses that the job itself gives; those of the configuration may be anywhere. Default: none. */
  readonly guard?: ConnectionGuard | undefined;
  /** Default: the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: UTF-8 files of this machine. */
  readonly readFile?: (path: string) => string;
}

/** Rows of one request where `chunkSize` leaves it to us: the most that was worth anything in measurements. */
const AUTO_ROWS = 5_000;
/** No limit of its own: bytes decide. */
const MAX_ROWS = 10_000_000;

const readText = (path: string): string => readFileSync(path, 'utf8');

/** Reads a job file; `.json` is JSON, any other name YAML. Throws CONFIG_UNREADABLE, and what `parseJob` throws. */
export function loadJob(file: string, context: JobContext = {}): JobDescription {
  let text: string;
  try {
    text = (context.readFile ?? readText)(file);
  } catch (error) {
    throw unreadable(file, error);
  }
  return parseJob(text, file, context);
}

/**
 * A job from its text. Throws CONFIG_UNREADABLE for text that is no YAML or JSON, CONFIG_VARIABLE for variables without
 * a value, CONFIG_INVALID with every other problem, each by file, line and column, and DEPLOYMENT_UNKNOWN.
 * @param file for messages; `.json` at its end means JSON.
 */
export function parseJob(text: string, file: string, context: JobContext = {}): JobDescription {
  const written = readWritten(text, file, file.endsWith('.json') ? 'json' : 'yaml');
  const readFile = context.readFile ?? readText;
  const fields = validateWritten(jobDescription, written, { env: context.env ?? process.env, readFile });
  return resolveFields(fields, written, context);
}

/**
 * A job from an object, as a library or a REST body gives it. Variables are not replaced: whoever may post a job need
 * not be one who may read our environment. Errors as of `parseJob`, with paths in place of lines.
 */
export function resolveJob(value: unknown, context: JobContext = {}): JobDescription {
  const places = { place: () => 'job' };
  return resolveFields(validate(jobDescription, value, new Set(), places), places, context);
}

function resolveFields(fields: JobFields, places: Pick<WrittenText, 'place'>, context: JobContext): JobDescription {
  const { deployment: inline, deploymentId, chunkRows, ...rest } = fields;
  const { chunkSize } = rest;
  const isAutomatic = chunkSize === 'auto' || chunkSize === 'dynamic';
  const readFile = context.readFile ?? readText;
  const guarded = context.guard === undefined ? {} : { guard: context.guard };
  const deployment =
    inline === undefined
      ? namedDeployment(deploymentId ?? '', places.place(['deploymentId']), context.configuration)
      : { ...resolveDeployment(inline, readFile, (field) => places.place(['deployment', field])), ...guarded };
  const engine = context.engine ?? rest.engine;
  const explanation = rest.explanation ?? deployment.explanation ?? explanationFields.parse({});
  const job = {
    ...rest,
    intakeSettings: withGuard(
      withCatalog(withCredentials(rest.intakeSettings, places, 'intakeSettings', context), context),
      context,
    ),
    outputSettings: withGuard(
      withSpool(withCredentials(rest.outputSettings, places, 'outputSettings', context), context),
      context,
    ),
    explanation: { ...explanation, baseline: withCatalog(explanation.baseline, context) },
    explanationAlgorithm: explanationAlgorithmOf(rest, deployment, places),
    baseline: null,
    serverShare: serverShareOf(rest, context),
    engine,
    deployment,
    predictionLog: deployment.accuracy
      ? predictionLogPath(stateFolder(context.env ?? process.env, context.configuration))
      : null,
    chunkRows: chunkRows ?? (isAutomatic ? AUTO_ROWS : MAX_ROWS),
    isChunkRowsGiven: chunkRows !== null,
  };
  return { ...job, kafka: clusterOf(job, places, context) };
}

/** That of the job, else that of its deployment. Throws CONFIG_INVALID where it cannot go with the rest of the job. */
function explanationAlgorithmOf(
  {
    explanationAlgorithm,
    maxExplanations,
    onModelChange,
  }: Pick<JobFields, 'explanationAlgorithm' | 'maxExplanations' | 'onModelChange'>,
  deployment: Deployment,
  places: Pick<WrittenText, 'place'>,
): JobFields['explanationAlgorithm'] {
  const algorithm = explanationAlgorithm ?? deployment.explanationAlgorithm;
  if (algorithm !== 'occlusion' || maxExplanations === 0 || onModelChange !== 'record') return algorithm;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${places.place(['onModelChange'])}: onModelChange: record cannot go with occlusion, whose copies of a row may be scored by another model: ` +
      'take abort or pause.',
  );
}

/** A topic without an end is live, unless the job says otherwise. */
function serverShareOf(
  { serverShare, intakeSettings: intake }: Pick<JobFields, 'serverShare' | 'intakeSettings'>,
  context: JobContext,
): ServerShare {
  const { priority, maxShare } = { ...serverShare, ...context.serverShare };
  return { priority: priority ?? (intake.type === 'kafka' && intake.until === null ? 'live' : 'batch'), maxShare };
}

/** Settings with the credentials, and the data store, that they name. */
function withCredentials<S extends JobFields['intakeSettings' | 'outputSettings']>(
  settings: S,
  places: Pick<WrittenText, 'place'>,
  field: 'intakeSettings' | 'outputSettings',
  { configuration }: JobContext,
): S {
  const place = (name: string): string => places.place([field, name]);
  if (settings.type === 'jdbc') return { ...settings, ...databaseAccess(settings, place, configuration) };
  if (settings.type !== 's3' || settings.credentialId === null) return settings;
  const { credentialId } = settings;
  if (configuration !== undefined)
    return { ...settings, credentials: s3KeysOf(configuration, credentialId, place('credentialId')) };
  throw new SluiceError(
    'CONFIG_INVALID',
    `${place('credentialId')}: credentialId names "${credentialId}", but no configuration was given; name its file with --config, or give credentials in place.`,
  );
}

/** A dataset with the catalog that it is in. */
function withCatalog<S extends JobFields['intakeSettings'] | null>(settings: S, { configuration, env }: JobContext): S {
  if (settings?.type !== 'dataset') return settings;
  const { catalogUrl, token, allowedHosts } = settings;
  const place = catalogPlace(configuration, env ?? process.env);
  return { ...settings, catalog: catalogUrl === null ? place : { ...place, url: catalogUrl, token, allowedHosts } };
}

/** An output that is sent, with the file that it grows in until then. */
function withSpool<S extends JobFields['outputSettings']>(settings: S, { configuration, env }: JobContext): S {
  if (settings.type !== 'http' || settings.spool !== null) return settings;
  return { ...settings, spool: spoolPath(stateFolder(env ?? process.env, configuration), settings) };
}

/** The cluster of a job that needs one: its own, that of the configuration, and the brokers that were given beside them. */
function clusterOf(
  job: Pick<JobFields, 'engine' | 'kafka' | 'intakeSettings' | 'outputSettings'>,
  places: Pick<WrittenText, 'place'>,
  { configuration, brokers }: JobContext,
): JobDescription['kafka'] {
  const configured = job.kafka ?? configuration?.kafka ?? null;
  if (brokers !== undefined) {
    const given = validate(kafkaJobFields, { brokers }, new Set(), { place: () => '--brokers' });
    return { ...given, ...configured, brokers: given.brokers };
  }
  const needs = [
    job.engine === 'kafka' ? 'engine' : null,
    job.intakeSettings.type === 'kafka' ? 'intakeSettings' : null,
    job.outputSettings.type === 'kafka' ? 'outputSettings' : null,
  ].find((field) => field !== null);
  if (configured !== null || needs === undefined) return configured;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${places.place([needs])}: ${needs} wants a Kafka cluster; say where it is with kafka: { brokers: … }, in the configuration, or with --brokers.`,
  );
}

function namedDeployment(id: string, place: string, configuration: Configuration | undefined): Deployment {
  if (configuration !== undefined) return configuration.deployment(id, place);
  throw new SluiceError(
    'DEPLOYMENT_UNKNOWN',
    `${place}: deploymentId names "${id}", but no configuration was given; name its file with --config, or describe the deployment in place (deployment: …).`,
  );
}
