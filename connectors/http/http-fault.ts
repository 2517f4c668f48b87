import { messageOf, networkCodeOf, SluiceError, UNREACHABLE_CODES } from '../../src/sdk.ts';

/** What a request was for. */
export interface FaultContext {
  readonly doing: 'read' | 'write';
  /** The address, as far as it may be shown. */
  readonly name: string;
}

/** Replies that another attempt may not get. */
const PASSING_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
/** How Node and OpenSSL name certificates that they do not trust, and servers that speak no TLS. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS|ERR_SSL|EPROTO/;

/** Whether a reply says that the server cannot, and not that it will not. */
export function isPassing(status: number): boolean {
  return PASSING_STATUS.has(status);
}

/** Whether the same request may succeed in a while. */
export function mayPass(error: unknown): error is SluiceError {
  return error instanceof SluiceError && error.code === 'STORE_UNREACHABLE';
}

/** A connection that broke, was silent or gave less than it promised. */
export function brokenOff(what: string, { name }: Pick<FaultContext, 'name'>, cause?: unknown): SluiceError {
  return new SluiceError(
    'STORE_UNREACHABLE',
    `${name} ${what}. Check the address and the server; run the same job again to continue.`,
    cause === undefined ? {} : { cause },
  );
}

/** What an error of the network means; errors of ours come back as they are. */
export function networkFault(error: unknown, context: Pick<FaultContext, 'name'>): SluiceError {
  if (error instanceof SluiceError) return error;
  const code = networkCodeOf(error);
  const text = messageOf(error).slice(0, 200);
  if (UNTRUSTED.test(code)) {
    return new SluiceError(
      'CONFIG_INVALID',
      `No trusted connection to ${context.name}: ${text.replace(/\s*[\r\n]+\s*/g, ' ')} (${code}). ` +
        'Set caFile to the certificate of its authority, or check the address (http or https).',
      { cause: error },
    );
  }
  if (UNREACHABLE_CODES.has(code)) return brokenOff(`cannot be reached (${code})`, context, error);
  return brokenOff(`broke the connection (${code === '' ? text : `${code}: ${text}`})`, context, error);
}

/** What a reply means that is neither what was asked for nor passing. @param text the start of its body. */
export function replyFault(status: number, text: string, { doing, name }: FaultContext): SluiceError {
  const facts = { status };
  const said = text === '' ? '' : ` It says: ${text}`;
  switch (status) {
    case 401:
    case 407:
      return new SluiceError(
        'STORE_ACCESS',
        `${name} does not know who asks (${status}). Correct token, headers, or the user and password in url.${said}`,
        facts,
      );
    case 403:
      return new SluiceError(
        'STORE_ACCESS',
        `${name} gives no right to ${doing} (403) with these credentials, or none. Correct them, or have the right given; a signed address may have expired.${said}`,
        facts,
      );
    case 404:
    case 410:
      return doing === 'read'
        ? new SluiceError(
            'INTAKE_NOT_FOUND',
            `There is nothing at ${name} (${status}). Check the address.${said}`,
            facts,
          )
        : new SluiceError(
            'OUTPUT_UNWRITABLE',
            `There is no place ${name} to write to (${status}). Check outputSettings.url.${said}`,
            facts,
          );
    case 405:
    case 501:
      return new SluiceError(
        doing === 'read' ? 'INTAKE_UNREADABLE' : 'OUTPUT_UNWRITABLE',
        `${name} does not take this method (${status}). Set method to one that it takes.${said}`,
        facts,
      );
    case 413:
      return new SluiceError('OUTPUT_UNWRITABLE', `${name} takes no body of this size (413).${said}`, facts);
    case 411:
      return new SluiceError(
        'OUTPUT_UNWRITABLE',
        `${name} wants to know the length of the body (411). Set chunked: false.${said}`,
        facts,
      );
    case 507:
      return new SluiceError(
        'OUTPUT_FULL',
        `${name} has no space left (507). Free some, and run the same job again.${said}`,
        facts,
      );
    default:
      return new SluiceError(
        doing === 'read' ? 'INTAKE_UNREADABLE' : 'OUTPUT_UNWRITABLE',
        `${name} cannot be ${doing === 'read' ? 'read' : 'written'}: it answers ${status}.${said}`,
        facts,
      );
  }
}
