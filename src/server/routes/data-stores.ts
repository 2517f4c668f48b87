import { type JdbcUrl, parseJdbcUrl } from '../../../connectors/sql/jdbc-url.ts';
import { assertGuardable } from '../../../connectors/sql/sql-drivers.ts';
import { SluiceError } from '../../core/error.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import type { SealedRecord } from '../../jobs/queue/store/sealed-records.ts';
import type { StoredDataStore } from '../../jobs/queue/stored-secrets.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';
import { dataStoreBody, secretsQuery } from '../schemas/credential-body.ts';
import { pageOf } from '../views/page-of.ts';
import { configured, ownerOf } from './credentials.ts';

/** `/externalDataStores/`: the databases that jobs may name, those of the configuration and those that users have told the server of. */
export function dataStoreRoutes(service: JobService): readonly ApiRoute[] {
  const { dataStores, credentials } = service.secrets;
  const { configuration } = service;
  const find = async ({ params, caller }: ApiCall<'id'>): Promise<object> => {
    const id = params.id;
    if (configuration.dataStoreIds.includes(id)) return configuredView(configuration, id);
    const record = await dataStores.find(id, ownerOf(caller));
    if (record === null) throw unknown();
    return dataStoreView(record);
  };
  return [
    apiRoute({
      method: 'GET',
      path: '/externalDataStores/',
      summary: 'The databases that your jobs may name.',
      query: secretsQuery,
      replies: { 200: 'A page of data stores.' },
      handle: async (call) => {
        const own = await dataStores.list(ownerOf(call.caller));
        const all = [
          ...configuration.dataStoreIds.map((id) => configuredView(configuration, id)),
          ...own.map(dataStoreView),
        ];
        return sendJson(call.reply, pageOf(call, all, call.query));
      },
    }),
    apiRoute({
      method: 'POST',
      path: '/externalDataStores/',
      summary: 'Tells the server of a database, for jobs to name by dataStoreId.',
      body: dataStoreBody,
      replies: { 201: 'The data store.', 422: 'A field is wrong, or the address is not allowed.' },
      handle: async (call) => {
        const { canonicalName, params } = call.body;
        const { jdbcUrl, credentialId } = params;
        const url = parseJdbcUrl(jdbcUrl);
        assertGuardable(url, { jars: [], driverClass: null });
        service.assertHosts(url.hosts);
        if (url.user !== null || url.password !== null)
          throw wrong('params.jdbcUrl must hold no user and password: keep them by POST /credentials/');
        const owner = call.caller.user.userId;
        if (credentialId !== null && (await credentials.find(credentialId, owner)) === null)
          throw wrong(
            `params.credentialId: there are no credentials ${JSON.stringify(credentialId.slice(0, 100))} of yours`,
          );
        const record = await dataStores.create(owner, canonicalName, { jdbcUrl, credentialId });
        call.reply.code(201).header('location', `${call.base}/externalDataStores/${record.id}/`);
        return sendJson(call.reply, dataStoreView(record));
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/externalDataStores/:id/',
      summary: 'A data store.',
      replies: { 200: 'The data store.', 404: 'There is none of yours.' },
      handle: async (call) => sendJson(call.reply, await find(call)),
    }),
    apiRoute({
      method: 'DELETE',
      path: '/externalDataStores/:id/',
      summary: 'Forgets a data store. Jobs that were made with it and have not begun fail.',
      replies: { 204: 'It is gone.', 404: 'There is none of yours.', 409: 'It is of the configuration.' },
      handle: async (call) => {
        const { id } = call.params;
        if (configuration.dataStoreIds.includes(id)) throw configured('data stores');
        if (!(await dataStores.remove(id, ownerOf(call.caller)))) throw unknown();
        return call.reply.code(204).send();
      },
    }),
  ];
}

function dataStoreView({ id, owner, name, created, content }: SealedRecord<StoredDataStore>): object {
  const url = parseJdbcUrl(content.jdbcUrl);
  return view({ id, name, creator: owner, updated: created, role: 'OWNER', url });
}

function configuredView(configuration: JobService['configuration'], id: string): object {
  let url: JdbcUrl | null = null;
  try {
    url = parseJdbcUrl(configuration.dataStore(id, 'dataStoreId').jdbcUrl.reveal());
  } catch {
    // A variable of its is not set: whoever uses it is told.
  }
  return view({ id, name: id, creator: 'configuration', updated: 0, role: 'CONSUMER', url });
}

interface Shown {
  readonly id: string;
  readonly name: string;
  readonly creator: string;
  readonly updated: number;
  readonly role: string;
  readonly url: JdbcUrl | null;
}

/** Of an address only where it leads: its settings may be secrets. */
function view({ id, name, creator, updated, role, url }: Shown): object {
  const product = url?.product ?? 'jdbc';
  const params = { driverId: product, ...(url === null ? {} : { jdbcUrl: `jdbc:${product}://${url.place}` }) };
  return { id, type: 'jdbc', canonicalName: name, creator, params, updated: new Date(updated).toISOString(), role };
}

function wrong(message: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `body: ${message}.`);
}

function unknown(): SluiceError {
  return new SluiceError('JOB_UNKNOWN', 'There is no such data store.', { status: 404 });
}
