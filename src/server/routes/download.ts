import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { findSluiceError, SluiceError } from '../../core/error.ts';
import type { JobResultReader, JobService } from '../../jobs/queue/job-service.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';

/** `download`: the result, as it grows. */
export function downloadRoute(service: JobService): ApiRoute {
  return apiRoute({
    method: 'GET',
    path: '/batchPredictions/:id/download/',
    summary: 'The scored rows, as they come; a download that broke off is continued with Range.',
    replies: {
      200: 'The rows, as text/csv; cut off if the job is aborted meanwhile.',
      206: 'Those from where Range says.',
      404: 'There is no such job, or no result of it.',
      406: 'Accept does not take text/csv.',
      416: 'The result is shorter than where Range begins.',
      422: 'The job was aborted.',
    },
    handle: async (call) => {
      const { id } = call.params;
      const result = await service.openResult(id, call.caller);
      if (!takesCsv(call.request.headers.accept))
        throw new SluiceError('REQUEST_INVALID', 'The result is text/csv, which Accept does not take.', {
          status: 406,
        });
      call.reply.header('content-disposition', `attachment;filename=result-${id}.csv`);
      call.reply.header('accept-ranges', 'bytes');
      // What stands between must not pack it: clients read the bytes as they come.
      call.reply.header('cache-control', 'no-transform');
      call.reply.type('text/csv; charset=utf-8');
      const gone = new AbortController();
      call.reply.raw.once('close', () => gone.abort(new Error('the client has gone')));
      try {
        return await send(call, result, gone.signal);
      } catch (error) {
        if (findSluiceError(error)?.code !== 'JOB_INTERRUPTED') throw error;
        const { record } = await service.openResult(id, call.caller);
        throw new SluiceError('JOB_STATE', `The result is not there: the job is ${record.status}.`, { status: 404 });
      }
    },
  });
}

async function send({ request, reply }: ApiCall, result: JobResultReader, signal: AbortSignal): Promise<FastifyReply> {
  const range = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(request.headers.range ?? '');
  if (range === null) {
    const { bytes, isWhole } = await result.extent();
    if (isWhole) reply.header('content-length', bytes);
    return await stream(reply, result, { from: 0, to: Number.POSITIVE_INFINITY }, signal);
  }
  const from = Number(range[1]);
  const wanted = range[2] === '' ? Number.POSITIVE_INFINITY : Number(range[2]) + 1;
  let extent = await result.extent();
  while (extent.bytes <= from && !extent.isWhole) {
    await result.wait(signal);
    extent = await result.extent();
  }
  if (from >= extent.bytes || wanted <= from) {
    reply.header('content-range', `bytes */${extent.bytes}`);
    throw new SluiceError('REQUEST_INVALID', `The result has ${extent.bytes} bytes.`, { status: 416 });
  }
  // Of one that still grows it is told what is there: the client asks for the rest again.
  const to = Math.min(wanted, extent.bytes);
  reply.code(206);
  reply.header('content-range', `bytes ${from}-${to - 1}/${extent.isWhole ? extent.bytes : '*'}`);
  reply.header('content-length', to - from);
  return await stream(reply, result, { from, to }, signal);
}

/** Begins to answer with the first bytes: a job that is aborted before them has an answer that says so. */
async function stream(
  reply: FastifyReply,
  result: JobResultReader,
  range: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): Promise<FastifyReply> {
  const chunks = result.bytes(range, signal)[Symbol.asyncIterator]();
  // A client that leaves before anything was sent ends a stream that nobody has begun to read: what it holds is freed here.
  signal.addEventListener('abort', () => void chunks.return?.(undefined), { once: true });
  const first = await chunks.next();
  const all = async function* (): AsyncGenerator<Buffer, void> {
    try {
      if (first.done !== true) yield first.value;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  };
  return reply.send(Readable.from(all(), { objectMode: false }));
}

function takesCsv(accept: string | undefined): boolean {
  if (accept === undefined) return true;
  return accept.split(',').some((one) => /^\s*(?:text\/csv|text\/\*|\*\/\*)\s*(?:;|$)/i.test(one));
}
