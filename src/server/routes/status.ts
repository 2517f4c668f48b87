import type { FastifyReply } from 'fastify';
import { SluiceError } from '../../core/error.ts';
import type { ApiCall, ApiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';

/** What a request was about that clients expect to take its time. */
export interface DoneWork {
  readonly what: 'deployment' | 'dataset';
  readonly id: string;
}

/** Answers a request whose work clients wait for at a status address. It is done already: the address says so, in whatever process it is asked. */
export function sendDone({ reply, base }: ApiCall, { what, id }: DoneWork, body: object = {}): FastifyReply {
  const status = Buffer.from(JSON.stringify([what, id])).toString('base64url');
  reply.code(202).header('location', `${base}/status/${status}/`);
  return sendJson(reply, body);
}

export const statusRoute: ApiRoute = {
  method: 'GET',
  path: '/status/:id/',
  summary: 'What has become of a request that was answered by 202.',
  replies: { 303: 'It is done; Location is what it was about.', 404: 'There was no such request.' },
  handle: async ({ params, base, reply }) => {
    const found = doneWork(params['id'] ?? '');
    if (found === null) throw new SluiceError('REQUEST_INVALID', 'There was no such request.', { status: 404 });
    const { what, id } = found;
    return reply
      .code(303)
      .header('location', `${base}/${what}s/${encodeURIComponent(id)}/`)
      .send();
  },
};

function doneWork(status: string): DoneWork | null {
  try {
    const [what, id] = JSON.parse(Buffer.from(status, 'base64url').toString('utf8')) as [unknown, unknown];
    return (what === 'deployment' || what === 'dataset') && typeof id === 'string' ? { what, id } : null;
  } catch {
    return null;
  }
}
