import type { FastifyReply } from 'fastify';
import type { DatasetRegistry } from '../../jobs/catalog/dataset-registry.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { limitedUpload } from '../../jobs/queue/upload/upload-slots.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';
import { formFile } from '../multipart.ts';
import { datasetPatch } from '../schemas/dataset-query.ts';
import { uploadBody } from '../security/upload-body.ts';
import { datasetView } from '../views/dataset-view.ts';
import { sendDone } from './status.ts';

const made = {
  202: 'It is made; Location is a status address that leads to it.',
  406: 'The content type is not multipart/form-data.',
  409: 'The datasets of this server are those of another catalog.',
  413: 'The file is too large.',
  422: 'The form has no file, or the file is no CSV.',
  429: 'Too many uploads.',
};
const changed = { 403: 'It was made on the command line.', 404: 'There is no such dataset.' };

/** Datasets that users make of their files, and what becomes of them. */
export function datasetChangeRoutes(registry: DatasetRegistry, service: JobService): readonly ApiRoute[] {
  const receive = async (call: ApiCall, dataset: string | null): Promise<FastifyReply> => {
    const { settings, uploadSlots } = service;
    using _ = uploadSlots.take(call.caller.user.userId);
    const body = limitedUpload(uploadBody(call, settings), settings.limits.uploadBytes);
    const file = await formFile(call.request.headers['content-type'], body);
    const { datasetId, versionId } = await registry.add(file, dataset, call.caller, settings.limits, never());
    const ids = { catalogId: datasetId, catalogVersionId: versionId };
    return sendDone(call, { what: 'dataset', id: datasetId, ...(dataset === null ? {} : { version: versionId }) }, ids);
  };
  return [
    apiRoute({
      method: 'POST',
      path: '/datasets/fromFile/',
      summary: 'Makes a dataset of a CSV file, of the caller. A name that is taken gets a number behind it.',
      takes: 'multipart/form-data',
      replies: made,
      handle: (call) => receive(call, null),
    }),
    apiRoute({
      method: 'POST',
      path: '/datasets/:id/versions/fromFile/',
      summary: 'Makes another version of a dataset, of a CSV file.',
      takes: 'multipart/form-data',
      replies: { ...made, ...changed },
      handle: (call) => receive(call, call.params.id),
    }),
    apiRoute({
      method: 'PATCH',
      path: '/datasets/:id/',
      summary: 'Gives a dataset another name.',
      body: datasetPatch,
      replies: { 200: 'The dataset.', ...changed, 409: 'Another dataset has the name.' },
      handle: async (call) => {
        const { name } = call.body;
        const { id } = call.params;
        const version =
          name === undefined
            ? await registry.version(id, null, call.caller)
            : await registry.rename(id, name, call.caller);
        return sendJson(call.reply, datasetView(version));
      },
    }),
    apiRoute({
      method: 'DELETE',
      path: '/datasets/:id/',
      summary: 'Removes a dataset with all its versions, for good. Jobs that have not begun to read it fail.',
      replies: { 204: 'It is gone.', ...changed },
      handle: async (call) => {
        await registry.remove(call.params.id, call.caller, never());
        return call.reply.code(204).send();
      },
    }),
  ];
}

/** A file that breaks off ends its dataset by itself; one that is there is kept, whether its client waits or not. */
function never(): AbortSignal {
  return new AbortController().signal;
}
