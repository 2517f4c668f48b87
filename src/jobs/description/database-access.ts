import { SluiceError } from '../../core/error.ts';
import type { Configuration } from '../configuration.ts';
import type { Credential } from './credential-fields.ts';
import type { JobFields } from './job-description.ts';
import type { DataStore } from './sql-fields.ts';

type DatabaseSettings = Extract<JobFields['intakeSettings' | 'outputSettings'], { readonly type: 'jdbc' }>;
type Access = Pick<DatabaseSettings, 'jdbcUrl' | 'credentials' | 'jars' | 'driverClass'>;

/**
 * The address and the user of a database, looked up where settings only name them. Throws CONFIG_INVALID, CONFIG_VARIABLE.
 * @param place where one of the settings was written, for messages.
 */
export function databaseAccess(
  settings: DatabaseSettings,
  place: (field: string) => string,
  configuration: Configuration | undefined,
): Access {
  const { dataStoreId } = settings;
  const store =
    dataStoreId === null
      ? null
      : given(configuration, place('dataStoreId'), 'dataStoreId', dataStoreId).dataStore(
          dataStoreId,
          place('dataStoreId'),
        );
  return {
    jdbcUrl: store?.jdbcUrl ?? settings.jdbcUrl,
    credentials: settings.credentials ?? user(settings, store, place, configuration),
    jars: settings.jars.length > 0 ? settings.jars : (store?.jars ?? []),
    driverClass: settings.driverClass ?? store?.driverClass ?? null,
  };
}

function user(
  { credentialId: own }: DatabaseSettings,
  store: DataStore | null,
  place: (field: string) => string,
  configuration: Configuration | undefined,
): Access['credentials'] {
  const id = own ?? store?.credentialId ?? null;
  if (id === null) return null;
  const where = place(own === null ? 'dataStoreId' : 'credentialId');
  const found: Credential = given(configuration, where, 'credentialId', id).credential(id, where);
  if ('user' in found) return found;
  throw new SluiceError('CONFIG_INVALID', `${where}: the credentials "${id}" are no user and password of a database.`);
}

function given(configuration: Configuration | undefined, where: string, field: string, id: string): Configuration {
  if (configuration !== undefined) return configuration;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${where}: ${field} names "${id}", but no configuration was given; name its file with --config, or give jdbcUrl and credentials in place.`,
  );
}
