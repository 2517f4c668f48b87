import type { FastifyReply } from 'fastify';
import { findSluiceError, messageOf } from '../core/error.ts';
import type { ErrorCode } from '../core/error-table.ts';

/** Sends JSON with the content type exactly `application/json`, as bytes: fastify adds a charset to all else, which clients stumble over. */
export function sendJson(reply: FastifyReply, body: object): FastifyReply {
  return reply.type('application/json').send(Buffer.from(JSON.stringify(body)));
}

/** The status of an error that says none itself. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  CONFIG_INVALID: 422,
  COLUMN_UNKNOWN: 422,
  DEPLOYMENT_UNKNOWN: 422,
  REQUEST_INVALID: 422,
  INTAKE_EMPTY: 422,
  INTAKE_ENCODING: 422,
  INTAKE_TOO_LARGE: 422,
  CSV_HEADER: 422,
  CSV_RAGGED: 422,
  CSV_QUOTE: 422,
  CSV_BINARY: 422,
  CSV_RECORD_TOO_LARGE: 422,
  OUTPUT_EXISTS: 409,
  DATABASE_UNREACHABLE: 503,
  JOB_UNKNOWN: 404,
  JOB_STATE: 409,
  TARGET_REFUSED: 422,
  SEAL_BROKEN: 422,
  JOB_LIMIT: 429,
  TOKEN_REFUSED: 401,
  JOB_INTERRUPTED: 503,
};

/** Seconds after which a client may try again, where an error does not say so. */
const RETRY_AFTER = 5;

/**
 * An error as `{"message"}`, and `errors` by field where the body was wrong. What is no refusal of ours is a fault: the client hears only that,
 * the log hears all.
 */
export function sendError(reply: FastifyReply, error: unknown, log: (line: string) => void): FastifyReply {
  const refusal = findSluiceError(error);
  const status = refusal?.status ?? (refusal === undefined ? statusOf(error) : (STATUS[refusal.code] ?? 500));
  if (status === 429 || status === 503)
    reply.header('retry-after', Math.max(1, Math.ceil((refusal?.waitMs ?? 1000 * RETRY_AFTER) / 1000)));
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  letBodyEnd(reply);
  reply.code(status);
  if (status >= 500) log(`${reply.request.method} ${reply.request.url.slice(0, 200)} failed: ${detail(error)}`);
  if (status >= 500 && status !== 503)
    return sendJson(reply, { message: 'The server failed on this request; its log has the reason.' });
  if (status === 503) return sendJson(reply, { message: 'The server cannot do this now; try again soon.' });
  const message = messageOf(error);
  return sendJson(
    reply,
    refusal?.code === 'CONFIG_INVALID'
      ? { message: plain(message), errors: fields(message) }
      : { message: plain(message) },
  );
}

/** How long the rest of a body may still come once its reply was sent. */
const REST_MS = 10_000;

/**
 * A client that is still sending would not see the reply if the connection were closed under it: what it sends is read and thrown away, but
 * not for ever.
 */
function letBodyEnd(reply: FastifyReply): void {
  const { raw } = reply.request;
  if (raw.complete) return;
  raw.removeAllListeners('readable');
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), REST_MS).unref();
  raw.once('close', () => clearTimeout(timer));
}

/** Without the place, which in a body is the body itself. One of several problems has two spaces before it. */
function plain(message: string): string {
  return message.replaceAll(/^((?: {2})?)(?:job|query|body): /gm, '$1');
}

/** What is wrong, by the field that each line begins with or names in quotes. */
function fields(message: string): Readonly<Record<string, string>> {
  const lines = message.split('\n').filter((line) => /^\s*(?:job|query|body): /.test(line));
  return Object.fromEntries(
    lines.map((line) => {
      const text = line.replace(/^\s*(?:job|query|body): /, '').replace(/\.$/, '');
      const name = /^unknown field "([^"]+)"/.exec(text)?.[1] ?? /^([\w.[\]]+)/.exec(text)?.[1] ?? 'body';
      return [name, text];
    }),
  );
}

function detail(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The status of an error of fastify, such as that of a broken address. */
function statusOf(error: unknown): number {
  const statusCode = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof statusCode === 'number' && statusCode >= 400 ? statusCode : 500;
}
