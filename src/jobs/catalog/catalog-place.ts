import { join } from 'node:path';
import { SluiceError } from '../../core/error.ts';
import type { Configuration } from '../configuration.ts';
import type { CatalogPlace } from '../description/dataset-fields.ts';
import { s3KeysOf } from '../s3-keys.ts';
import { stateFolder } from '../state-folder.ts';

/** The catalog that a configuration names, or Sluice's own registry in the state folder. */
export function catalogPlace(
  configuration: Configuration | undefined,
  env: Readonly<Record<string, string | undefined>>,
): CatalogPlace {
  const { url = null, token = null, allowedHosts = [], caFile = null, store = null } = configuration?.catalog ?? {};
  const folder = join(stateFolder(env, configuration), 'catalog');
  return {
    url,
    token,
    allowedHosts,
    caFile,
    store: store === null ? null : withCredentials(store, configuration),
    folder,
    user: null,
  };
}

function withCredentials(
  store: NonNullable<CatalogPlace['store']>,
  configuration: Configuration | undefined,
): NonNullable<CatalogPlace['store']> {
  if (store.credentialId === null) return store;
  if (store.credentials !== null)
    throw new SluiceError('CONFIG_INVALID', 'catalog.store has both credentialId and credentials; keep one of them.');
  return { ...store, credentials: s3KeysOf(configuration!, store.credentialId, 'catalog.store.credentialId') };
}
