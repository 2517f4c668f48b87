import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import type { ErrorCode } from '../../core/error-table.ts';
import { retryAfterMs } from '../../core/retry-after.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { withoutEcho } from './echo.ts';
import { faultText, headerOf, jsonOf } from './reply-text.ts';
import type { WireReply } from './wire.ts';

/**
 * The class of each HTTP status. What is not listed: 2xx is a reply nobody can read, 3xx and 4xx mean that the address
 * or the wire is wrong, 5xx makes the rows suspect.
 */
const classes: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [400, 'ROW_REJECTED'],
  [422, 'ROW_REJECTED'],
  // DataRobot: a humility rule refuses to predict a row.
  [480, 'ROW_REJECTED'],
  [413, 'REQUEST_TOO_LARGE'],
  [401, 'SERVER_ACCESS'],
  [403, 'SERVER_ACCESS'],
  [404, 'SERVER_ACCESS'],
  [407, 'SERVER_ACCESS'],
  [408, 'SERVER_OVERLOADED'],
  [425, 'SERVER_OVERLOADED'],
  [429, 'SERVER_OVERLOADED'],
  [502, 'SERVER_OVERLOADED'],
  [503, 'SERVER_OVERLOADED'],
  [504, 'SERVER_OVERLOADED'],
]);

const remedies: Partial<Record<ErrorCode, string>> = {
  SERVER_ACCESS: ' Check deployment.token and the deployment id.',
  CONFIG_INVALID: ' Check deployment.server and deployment.wire.',
};

/** What is known of the request that a reply is to. */
export interface AskedFor {
  /** A row that the server blames must be one of it, and it is not quoted. */
  readonly batch?: RowBatch;
  /** How its body begins, where that is not how CSV begins. */
  readonly opening?: string;
  /** Finds the row that a server blames. Default: the field `row`. */
  readonly rowIn?: (json: Readonly<Record<string, unknown>>) => unknown;
}

/**
 * What a reply with a status other than 200 means. The message of ROW_REJECTED is the reason that a dead letter shows.
 * @param target which deployment of which server.
 */
export function httpFault(
  target: string,
  reply: WireReply,
  clock: Clock,
  { batch, opening, rowIn = (json) => json['row'] }: AskedFor = {},
): SluiceError {
  const { status } = reply;
  const code = classes.get(status) ?? classOfRange(status);
  const text = batch === undefined ? faultText(reply) : withoutEcho(faultText(reply), batch, opening);
  if (code === 'ROW_REJECTED') {
    const row = rowIn(jsonOf(reply) ?? {});
    const named = typeof row === 'number' && Number.isInteger(row) && row >= 0 && row < (batch?.rows ?? 0);
    return new SluiceError(code, `HTTP ${status}: ${text}`, named ? { status, row } : { status });
  }
  if (status >= 300 && status < 400) return redirected(target, reply);
  const waitMs = retryAfterMs(headerOf(reply, 'retry-after'), clock);
  const message = `The prediction server (${target}) answered ${status}: ${text.replace(/\.$/, '')}.${remedies[code] ?? ''}`;
  return new SluiceError(code, message, waitMs === undefined ? { status } : { status, waitMs });
}

function classOfRange(status: number): ErrorCode {
  if (status >= 500) return 'SERVER_FAULT';
  return status >= 300 ? 'CONFIG_INVALID' : 'REPLY_MISMATCH';
}

function redirected(target: string, reply: WireReply): SluiceError {
  // A query may hold a token.
  const location = headerOf(reply, 'location')?.split('?')[0] ?? 'nowhere';
  return new SluiceError(
    'CONFIG_INVALID',
    `The prediction server (${target}) redirects (${reply.status}) to ${location.slice(0, 200)}. ` +
      'Set deployment.server to the address that answers by itself: rows are not sent on to another one.',
    { status: reply.status },
  );
}
