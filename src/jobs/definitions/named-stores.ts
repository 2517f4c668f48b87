import type { PredictionBody } from '../queue/body/prediction-body.ts';
import type { JobService } from '../queue/job-service.ts';
import type { NamedStore } from './portable-end.ts';

/** The data stores that a body of a user names: those that he has told the server of, and those of its configuration. */
export async function namedStores(
  { intakeSettings, outputSettings }: PredictionBody,
  userId: string,
  { configuration, secrets }: Pick<JobService, 'configuration' | 'secrets'>,
): Promise<ReadonlyMap<string, NamedStore>> {
  const stores = new Map<string, NamedStore>();
  for (const settings of [intakeSettings, outputSettings]) {
    const { dataStoreId = null } = (settings ?? {}) as { readonly dataStoreId?: string | null };
    if (dataStoreId === null) continue;
    if (configuration.dataStoreIds.includes(dataStoreId)) {
      const { credentialId } = configuration.dataStore(dataStoreId, 'dataStoreId');
      stores.set(dataStoreId, { jdbcUrl: null, hasCredentials: credentialId !== null });
      continue;
    }
    const own = await secrets.dataStores.find(dataStoreId, userId);
    if (own === null) continue;
    const { jdbcUrl, credentialId } = own.content;
    // What stands behind the address of a database may be a secret.
    const isPlain = !/[?;]/.test(jdbcUrl);
    stores.set(dataStoreId, { jdbcUrl: isPlain ? jdbcUrl : null, hasCredentials: credentialId !== null });
  }
  return stores;
}
