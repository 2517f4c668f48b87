import type { FastifyReply } from 'fastify';
import { findSluiceError, messageOf } from '../core/error.ts';

/** Sends JSON with the content type exactly `application/json`, as bytes: fastify adds a charset to all else. */
export function sendJson(reply: FastifyReply, body: object): FastifyReply {
  return reply.type('application/json').send(Buffer.from(JSON.stringify(body)));
}

/**
 * Turns an error into a reply `{"message"}`, with `row` where a row is to blame. What is no refusal of ours is a fault: the
 * client hears only that, the log hears all.
 */
export function sendError(reply: FastifyReply, error: unknown, log: (line: string) => void): FastifyReply {
  const refusal = findSluiceError(error);
  const status = refusal?.status ?? (refusal?.code === 'MODEL_INVALID' ? 422 : statusOf(error));
  if (refusal?.waitMs !== undefined) reply.header('retry-after', Math.ceil(refusal.waitMs / 1000));
  // The rest of a body that is too large may still be on its way: nothing else can be read from this connection.
  if (status === 413 && !reply.request.raw.complete) reply.header('connection', 'close');
  reply.code(status);
  if (status < 500) {
    return sendJson(reply, { message: messageOf(error), ...(refusal?.row === undefined ? {} : { row: refusal.row }) });
  }
  log(`a request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return sendJson(reply, { message: 'The model server failed on this request; its log has the reason.' });
}

/** The status of an error of fastify, such as that of a broken address. */
function statusOf(error: unknown): number {
  const statusCode = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof statusCode === 'number' && statusCode >= 400 ? statusCode : 500;
}
