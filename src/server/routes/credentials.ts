import { SluiceError } from '../../core/error.ts';
import type { Caller } from '../../jobs/queue/caller.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import type { SealedRecord } from '../../jobs/queue/store/sealed-records.ts';
import type { StoredCredential } from '../../jobs/queue/stored-secrets.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';
import { credentialBody, secretsQuery } from '../schemas/credential-body.ts';
import { pageOf } from '../views/page-of.ts';

/** `/credentials/`: what users give the server to keep for their jobs, and those of the configuration. No reply ever holds a secret of them. */
export function credentialRoutes(service: JobService): readonly ApiRoute[] {
  const { credentials } = service.secrets;
  const { configuration } = service;
  const find = async ({ params, caller }: ApiCall<'id'>): Promise<object> => {
    const id = params.id;
    if (configuration.credentialIds.includes(id)) return configuredView(configuration, id);
    const record = await credentials.find(id, ownerOf(caller));
    if (record === null) throw unknown();
    return credentialView(record);
  };
  return [
    apiRoute({
      method: 'GET',
      path: '/credentials/',
      summary: 'Your credentials, and those of the configuration, without their secrets.',
      query: secretsQuery,
      replies: { 200: 'A page of credentials.' },
      handle: async (call) => {
        const own = await credentials.list(ownerOf(call.caller));
        const all = [
          ...configuration.credentialIds.map((id) => configuredView(configuration, id)),
          ...own.map(credentialView),
        ];
        return sendJson(call.reply, pageOf(call, all, call.query));
      },
    }),
    apiRoute({
      method: 'POST',
      path: '/credentials/',
      summary: 'Keeps credentials, sealed, for jobs to name by credentialId.',
      body: credentialBody,
      replies: { 201: 'The credentials, without their secrets.', 422: 'A field is wrong, or the server has no key.' },
      handle: async (call) => {
        const { name, ...content } = call.body;
        const record = await credentials.create(call.caller.user.userId, name, content);
        call.reply.code(201).header('location', `${call.base}/credentials/${record.id}/`);
        return sendJson(call.reply, credentialView(record));
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/credentials/:id/',
      summary: 'Credentials, without their secrets.',
      replies: { 200: 'The credentials.', 404: 'There are none of yours.' },
      handle: async (call) => sendJson(call.reply, await find(call)),
    }),
    apiRoute({
      method: 'DELETE',
      path: '/credentials/:id/',
      summary: 'Forgets credentials. Jobs that were made with them and have not begun fail.',
      replies: { 204: 'They are gone.', 404: 'There are none of yours.', 409: 'They are of the configuration.' },
      handle: async (call) => {
        const { id } = call.params;
        if (configuration.credentialIds.includes(id)) throw configured('credentials');
        if (!(await credentials.remove(id, ownerOf(call.caller)))) throw unknown();
        return call.reply.code(204).send();
      },
    }),
  ];
}

/** Whose records a caller may see; null: everybody's. */
export function ownerOf({ role, user }: Caller): string | null {
  return role === 'admin' ? null : user.userId;
}

/** What stands in a configuration is changed there. */
export function configured(what: string): SluiceError {
  return new SluiceError('JOB_STATE', `These ${what} stand in the configuration of the server.`, { status: 409 });
}

function credentialView({ id, name, created, content }: SealedRecord<StoredCredential>): object {
  const { credentialType, description } = content;
  return { credentialId: id, name, credentialType, description, creationDate: new Date(created).toISOString() };
}

function configuredView(configuration: JobService['configuration'], id: string): object {
  let credentialType = 's3';
  try {
    if ('user' in configuration.credential(id, 'credentialId')) credentialType = 'basic';
  } catch {
    // A variable of theirs is not set: whoever uses them is told.
  }
  const creationDate = new Date(0).toISOString();
  return { credentialId: id, name: id, credentialType, description: 'Of the configuration.', creationDate };
}

function unknown(): SluiceError {
  return new SluiceError('JOB_UNKNOWN', 'There are no such credentials.', { status: 404 });
}
