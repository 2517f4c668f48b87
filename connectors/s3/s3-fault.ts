import { CONNECTION_CODES, messageOf, SluiceError } from '../../src/sdk.ts';
import { wrongServer } from './wrong-server.ts';

/** What the library's errors have in common; none of it is sure to be there. */
interface S3ErrorShape {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean };
}

/** The bytes were damaged on their way. */
const DAMAGED_ON_THE_WAY: ReadonlySet<string> = new Set([
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'XAmzContentChecksumMismatch',
]);
/** Replies that another attempt may not get. */
const PASSING_REPLIES: ReadonlySet<string> = new Set([
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'RequestLimitExceeded',
  'BandwidthLimitExceeded',
  'RequestTimeout',
  'InternalError',
  'ServiceUnavailable',
  'OperationAborted',
  'ConditionalRequestConflict',
  ...DAMAGED_ON_THE_WAY,
  'IncompleteBody',
]);
/** Replies to HEAD have the status for a name. */
const MISSING: ReadonlySet<string> = new Set(['NoSuchKey', 'NoSuchUpload', 'NotFound', 'Unknown']);
const PASSING_STATUS: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);
const PASSING_CODES: ReadonlySet<string> = new Set([...CONNECTION_CODES, 'HPE_INVALID_CONSTANT']);
/** Damage that is found on our side, which has no code of its own. */
const DAMAGED = 'DamagedReply';

/** A reply whose body is not what its head promised. */
export function damagedReply(message: string): Error {
  return Object.assign(new Error(message), { name: DAMAGED });
}

/** The name of the reply (`NoSuchKey`); of HEAD requests, whose replies have no text, that of the status. */
export function replyName(error: unknown): string {
  const { name } = shapeOf(error);
  return typeof name === 'string' ? name : '';
}

/** The HTTP status of the reply that an error stands for; undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  return shapeOf(error).$metadata?.httpStatusCode;
}

/** Whether the store itself said so, and not the way to it. */
export function hasAnswered(error: unknown): boolean {
  return statusOf(error) !== undefined || replyName(error) === DAMAGED;
}

/** Whether the same request may succeed in a while. */
export function isPassing(error: unknown): boolean {
  const { code, $metadata } = shapeOf(error);
  const name = replyName(error);
  return (
    name === DAMAGED ||
    name === 'TimeoutError' ||
    PASSING_REPLIES.has(name) ||
    PASSING_STATUS.has($metadata?.httpStatusCode ?? 0) ||
    // The library has set its clock by the reply.
    $metadata?.clockSkewCorrected === true ||
    PASSING_CODES.has(typeof code === 'string' ? code : '') ||
    isDamaged(error)
  );
}

/** Whether a checksum says that bytes were damaged on their way. */
function isDamaged(error: unknown): boolean {
  return DAMAGED_ON_THE_WAY.has(replyName(error)) || messageOf(error).startsWith('Checksum mismatch');
}

/** Whether a condition (If-Match, If-None-Match) did not hold. */
export function isConditionFailed(error: unknown): boolean {
  return statusOf(error) === 412;
}

/** Whether there is no such object or upload. Buckets that are missing do not count, nor all else that some store calls a 404. */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && MISSING.has(replyName(error));
}

export function isForbidden(error: unknown): boolean {
  return statusOf(error) === 403;
}

/** What a fault is about. */
export interface FaultContext {
  readonly doing: 'read' | 'write';
  /** The object, as an s3:// address. */
  readonly name: string;
  readonly endpoint: string;
}

/** What a failed request means for a job; errors that are not the store's come back as they are. */
export function s3Fault(error: unknown, context: FaultContext): unknown {
  if (error instanceof SluiceError) return error;
  const { code } = shapeOf(error);
  const name = replyName(error);
  const status = statusOf(error);
  const facts = { cause: error, ...(status === undefined ? {} : { status }) };
  const { doing, endpoint } = context;
  const object = context.name;
  const known = accessWords(name, status, object, doing);
  if (known !== null) return new SluiceError('STORE_ACCESS', known, facts);
  if (name === 'NoSuchBucket') {
    const bucket = /^s3:\/\/([^/]+)/.exec(object)?.[1] ?? object;
    return new SluiceError(
      doing === 'read' ? 'INTAKE_NOT_FOUND' : 'OUTPUT_UNWRITABLE',
      `There is no bucket ${bucket} at ${endpoint}. Correct the url, or create the bucket.`,
      facts,
    );
  }
  if (isMissing(error) && doing === 'read') {
    return new SluiceError('INTAKE_NOT_FOUND', `There is no object ${object}. Check intakeSettings.url.`, facts);
  }
  if (status === 412 && doing === 'read') {
    return new SluiceError(
      'INTAKE_CHANGED',
      `${object} was replaced while it was read. Start anew with --overwrite when it is complete.`,
      facts,
    );
  }
  if (status === 507 || name === 'QuotaExceeded' || name === 'XMinioStorageFull') {
    return new SluiceError(
      'OUTPUT_FULL',
      `The store has no space left for ${object}. Free some, and run the same job again.`,
      facts,
    );
  }
  if (isDamaged(error)) {
    return new SluiceError(
      'STORE_UNREACHABLE',
      `What ${doing === 'read' ? 'comes' : 'arrives'} of ${object} is damaged each time, its checksum shows it. ` +
        `Look for what changes it on the way to ${endpoint}${doing === 'read' ? ', or have the object written anew' : ''}; run the same job again to continue.`,
      facts,
    );
  }
  if (status === 501) {
    return new SluiceError(
      doing === 'read' ? 'INTAKE_UNREADABLE' : 'OUTPUT_UNWRITABLE',
      `${endpoint} does not know what was asked of it for ${object}: ${wordsOf(error, code)}. Set checksums: whenRequired for an older store` +
        `${doing === 'read' ? '' : '; an output takes one with conditional writes'}.`,
      facts,
    );
  }
  if (isPassing(error)) {
    return new SluiceError(
      'STORE_UNREACHABLE',
      `${endpoint} ${status === undefined ? 'does not answer' : 'is not able to answer'} for ${object}: ${wordsOf(error, code)}. ` +
        'Check endpointUrl and the store; run the same job again to continue.',
      facts,
    );
  }
  const wrong = wrongServer(error, code, endpoint);
  if (wrong !== null) return new SluiceError('STORE_UNREACHABLE', `${wrong} It was asked for ${object}.`, facts);
  if (messageOf(error).startsWith('Region is missing')) {
    return new SluiceError(
      'CONFIG_INVALID',
      `Nothing says in which region ${object} is. Set region, or AWS_REGION.`,
      facts,
    );
  }
  if (status === undefined && typeof code !== 'string') return error;
  return new SluiceError(
    doing === 'read' ? 'INTAKE_UNREADABLE' : 'OUTPUT_UNWRITABLE',
    `${object} cannot be ${doing === 'read' ? 'read' : 'written'}: ${wordsOf(error, code)}.`,
    facts,
  );
}

function accessWords(name: string, status: number | undefined, object: string, doing: 'read' | 'write'): string | null {
  switch (name) {
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'TokenRefreshRequired':
      return `The credentials for ${object} have expired. Renew them, and run the same job again: it continues.`;
    case 'InvalidAccessKeyId':
    case 'InvalidToken':
    case 'InvalidClientTokenId':
    case 'XAdminUserNotFound':
      return `The store does not know the access key or session token given for ${object}. Correct the credentials.`;
    case 'SignatureDoesNotMatch':
      return `The secret access key given for ${object} is wrong. Correct the credentials.`;
    case 'RequestTimeTooSkewed':
      return `The clock of this machine is wrong, so the store refuses requests for ${object}. Set it.`;
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
      return `The bucket of ${object} lies in another region. Set region to that one.`;
    case 'CredentialsProviderError':
      return `No credentials were found for ${object}. Give some, or credentials: none for a public bucket.`;
    case 'InvalidObjectState':
      return `${object} is in an archive. Restore it first.`;
    default: {
      if (status !== 401 && status !== 403) return null;
      const right =
        doing === 'read'
          ? 's3:GetObject and s3:ListBucket'
          : 's3:PutObject, s3:GetObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucket';
      return `These credentials, or none, give no right to ${doing} ${object}. It takes ${right}.`;
    }
  }
}

function wordsOf(error: unknown, code: unknown): string {
  const name = replyName(error);
  const text = messageOf(error).replace(/\.$/, '');
  const label = typeof code === 'string' ? code : name;
  return label === '' || label === 'Error' || text.includes(label) ? text : `${label}, ${text}`;
}

function shapeOf(error: unknown): S3ErrorShape {
  return typeof error === 'object' && error !== null ? error : {};
}
