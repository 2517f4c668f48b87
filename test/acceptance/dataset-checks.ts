import type { CatalogPlace } from '../../src/jobs/description/dataset-fields.ts';
import { Secret } from '../../src/jobs/description/secret.ts';
import type { CheckDriver } from '../../src/testing.ts';
import { CatalogServer } from '../support/catalog-server.ts';
import { freePort } from '../support/services/free-port.ts';
import { datasetSource } from './dataset-intake.ts';

const WRONG = 'a-wrong-token';

/** What can be wrong with a dataset behind the REST API of a catalog. */
export async function servedFaults(): Promise<CheckDriver> {
  const server = await CatalogServer.start();
  server.add('rows', { text: 'id,x\n1,2\n' });
  server.add('unfinished', { text: 'id,x\n1,2\n', processingState: 'RUNNING' });
  const { token, url } = server;
  const right: CatalogPlace = {
    url,
    token: new Secret(token),
    allowedHosts: [],
    caFile: null,
    store: null,
    folder: '',
    user: null,
  };
  const source =
    (dataset: string, more: Partial<CatalogPlace> = {}, version: string | null = null) =>
    () =>
      datasetSource(dataset, { ...right, ...more }, version);
  return {
    sound: source('rows'),
    faults: {
      'a wrong address': {
        part: source('rows', { url: `http://127.0.0.1:${await freePort()}/api/v2` }),
        code: 'STORE_UNREACHABLE',
        says: /cannot be reached/,
      },
      'a wrong token': {
        part: source('rows', { token: new Secret(WRONG) }),
        code: 'STORE_ACCESS',
        says: /does not know who asks \(401\)\. Correct its token/,
      },
      'a missing dataset': { part: source('row'), code: 'INTAKE_NOT_FOUND', says: /has no dataset row\b/ },
      'a missing version': {
        part: source('rows', {}, 'v9'),
        code: 'INTAKE_NOT_FOUND',
        says: /has no version v9 of dataset rows/,
      },
      'a version that is not finished': { part: source('unfinished'), code: 'DATASET_UNUSABLE', says: /RUNNING/ },
    },
    secrets: [token, WRONG],
    contents: async () => [...server.web.bodies.keys()],
    close: () => server[Symbol.asyncDispose](),
  };
}
