import { definitionBody, definitionPatch } from '../../jobs/definitions/definition-body.ts';
import type { DefinitionService } from '../../jobs/definitions/definition-service.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { type ApiRoute, apiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';
import { definitionQuery, fromJobDefinitionBody } from '../schemas/definition-query.ts';
import { definitionView } from '../views/definition-view.ts';
import { pageView } from '../views/page-view.ts';
import { sendNewJob } from './batch-predictions.ts';

/** `/batchPredictionJobDefinitions/`: jobs that are run again and again, and `fromJobDefinition`, which runs one now. */
export function definitionRoutes(definitions: DefinitionService, jobs: JobService): readonly ApiRoute[] {
  return [
    apiRoute({
      method: 'POST',
      path: '/batchPredictionJobDefinitions/',
      summary: 'Makes a definition of jobs, which may have a schedule.',
      body: definitionBody,
      keepsBody: true,
      replies: { 200: 'The definition.', 422: 'A field is wrong, or there is one of the same name.' },
      handle: async ({ body, caller, base, reply }) => {
        const record = await definitions.create(body, caller);
        reply.header('location', `${base}/batchPredictionJobDefinitions/${record.id}/`);
        return sendJson(reply, definitionView(record));
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/batchPredictionJobDefinitions/',
      summary: 'The definitions, page by page.',
      query: definitionQuery,
      replies: { 200: 'A page of definitions.', 422: 'A parameter is wrong.' },
      handle: async (call) => {
        const { offset, limit } = call.query;
        const { total, records } = await definitions.list({ ...call.query, owner: null }, call.caller);
        return sendJson(call.reply, pageView(call, { offset, limit, total }, records.map(definitionView)));
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/batchPredictionJobDefinitions/:id/',
      summary: 'A definition.',
      replies: { 200: 'The definition.', 404: 'There is no such definition.' },
      handle: async ({ params, caller, reply }) =>
        sendJson(reply, definitionView(await definitions.get(params.id, caller))),
    }),
    apiRoute({
      method: 'GET',
      path: '/batchPredictionJobDefinitions/:id/portable/',
      summary: 'Its job as a file for sluice run on another machine: YAML, with variables in place of secrets.',
      replies: {
        200: 'The file, as application/yaml.',
        404: 'There is no such definition.',
        422: 'Its deployment is gone.',
      },
      handle: async ({ params, caller, base, reply }) => {
        const { id } = params;
        const text = await definitions.portable(id, caller, base);
        reply.header('content-disposition', `attachment;filename=${id}.yaml`);
        return reply.type('application/yaml').send(Buffer.from(text));
      },
    }),
    apiRoute({
      method: 'PATCH',
      path: '/batchPredictionJobDefinitions/:id/',
      summary: 'Changes some fields of a definition, each as a whole.',
      body: definitionPatch,
      keepsBody: true,
      replies: { 200: 'The definition.', 404: 'There is no such definition.', 422: 'A field is wrong.' },
      handle: async ({ params, body, caller, reply }) =>
        sendJson(reply, definitionView(await definitions.patch(params.id, body as object, caller))),
    }),
    apiRoute({
      method: 'DELETE',
      path: '/batchPredictionJobDefinitions/:id/',
      summary: 'Removes a definition. A run under way goes on.',
      replies: { 204: 'It is gone.', 404: 'There is no such definition.' },
      handle: async ({ params, caller, reply }) => {
        await definitions.remove(params.id, caller);
        return reply.code(204).send();
      },
    }),
    apiRoute({
      method: 'POST',
      path: '/batchPredictions/fromJobDefinition/',
      summary: 'Runs a definition now.',
      body: fromJobDefinitionBody,
      replies: { 202: 'The new job; its address is in Location.', 404: 'There is no such definition.' },
      handle: async (call) => {
        const { jobDefinitionId } = call.body;
        const record = await definitions.run(jobDefinitionId, call.caller, call.request.ip);
        return await sendNewJob(jobs, call, record);
      },
    }),
  ];
}
