import { SluiceError } from '../../core/error.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import type { BodyRange } from '../../jobs/queue/upload/receive.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { uploadBody } from '../security/upload-body.ts';

const replies = {
  202: 'All of it is there.',
  404: 'There is no such job.',
  406: 'The content type is not text/csv.',
  409: 'Another upload is under way, or all of it was there already.',
  422: 'The upload is not what the job takes, or the job was aborted.',
};

/** `csvUpload`: whole, or in parts. */
export function csvUploadRoutes(service: JobService): readonly ApiRoute[] {
  return [
    apiRoute({
      method: 'PUT',
      path: '/batchPredictions/:id/csvUpload/',
      summary: 'Uploads the rows of a job. One that broke off is sent again, or continued with Content-Range.',
      takes: 'text/csv',
      replies,
      handle: async (call) => {
        const { id } = call.params;
        const range = rangeOf(call);
        await service.upload(id, call.caller, { body: bodyOf(call, service), range });
        if (range !== null && range.to !== range.total) return call.reply.code(202).send();
        call.reply.raw.once('finish', () => service.uploadAnswered(id));
        return call.reply.code(202).send();
      },
    }),
    apiRoute({
      method: 'PUT',
      path: '/batchPredictions/:id/csvUpload/part/:number/',
      summary: 'Uploads one part, from 0 on, each with the header.',
      takes: 'text/csv',
      replies,
      handle: async (call) => {
        const { number } = call.params;
        if (!/^\d{1,6}$/.test(number)) throw invalid('Parts are numbered 0, 1, 2 and so on, to 999999.');
        const request = { body: bodyOf(call, service), range: null };
        await service.uploadPart(call.params.id, Number(number), call.caller, request);
        return call.reply.code(202).send();
      },
    }),
    apiRoute({
      method: 'POST',
      path: '/batchPredictions/:id/csvUpload/finalizeMultipart/',
      summary: 'Says that all parts are there.',
      replies,
      handle: async (call) => {
        await service.finalizeUpload(call.params.id, call.caller);
        return call.reply.code(202).send();
      },
    }),
  ];
}

function bodyOf(call: ApiCall, service: JobService): AsyncIterable<Uint8Array> {
  const type = call.request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'text/csv') return uploadBody(call, service.settings);
  throw new SluiceError('REQUEST_INVALID', 'Send the rows with the content type text/csv.', { status: 406 });
}

function rangeOf({ request }: ApiCall): BodyRange | null {
  const given = request.headers['content-range'];
  if (given === undefined) return null;
  const found = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(given);
  const [from, last, total] = [Number(found?.[1]), Number(found?.[2]), found?.[3]];
  const whole = total === '*' ? null : Number(total);
  if (found === null || last < from || (whole !== null && last >= whole))
    throw invalid('Content-Range must be of the form bytes 0-99/200.');
  return { from, to: last + 1, total: whole };
}

function invalid(message: string): SluiceError {
  return new SluiceError('REQUEST_INVALID', message, { status: 422 });
}
