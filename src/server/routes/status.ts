import type { FastifyReply } from 'fastify';
import { SluiceError } from '../../core/error.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';

/** What a request was about that clients expect to take its time. */
export interface DoneWork {
  readonly what: 'deployment' | 'dataset';
  readonly id: string;
  /** Of a dataset; its latest if left out. */
  readonly version?: string;
}

/** Answers a request whose work clients wait for at a status address. It is done already: the address says so, in whatever process it is asked. */
export function sendDone({ reply, base }: ApiCall, { what, id, version }: DoneWork, body: object = {}): FastifyReply {
  const statusId = Buffer.from(JSON.stringify([what, id, version])).toString('base64url');
  reply.code(202).header('location', `${base}/status/${statusId}/`);
  return sendJson(reply, { ...body, statusId });
}

export const statusRoute: ApiRoute = apiRoute({
  method: 'GET',
  path: '/status/:id/',
  summary: 'What has become of a request that was answered by 202.',
  replies: { 303: 'It is done; Location is what it was about.', 404: 'There was no such request.' },
  handle: async ({ params, base, reply }) => {
    const found = doneWork(params.id);
    if (found === null) throw new SluiceError('REQUEST_INVALID', 'There was no such request.', { status: 404 });
    const { what, id, version } = found;
    const part = version === undefined ? '' : `versions/${encodeURIComponent(version)}/`;
    return reply
      .code(303)
      .header('location', `${base}/${what}s/${encodeURIComponent(id)}/${part}`)
      .send();
  },
});

function doneWork(status: string): DoneWork | null {
  try {
    const [what, id, version] = JSON.parse(Buffer.from(status, 'base64url').toString('utf8')) as readonly unknown[];
    if ((what !== 'deployment' && what !== 'dataset') || typeof id !== 'string' || !id.isWellFormed()) return null;
    return { what, id, ...(typeof version === 'string' ? { version: version.toWellFormed() } : {}) };
  } catch {
    return null;
  }
}
