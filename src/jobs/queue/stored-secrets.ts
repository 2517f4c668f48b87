import type { Clock } from '../../core/clock.ts';
import type { Seal } from './store/seal.ts';
import { SealedRecords } from './store/sealed-records.ts';
import type { StoreSession } from './store/store-session.ts';

/** Credentials that a user has given the server to keep; fields as in DataRobot's. */
export type StoredCredential = { readonly description: string } & (
  | {
      readonly credentialType: 's3';
      readonly awsAccessKeyId: string;
      readonly awsSecretAccessKey: string;
      readonly awsSessionToken: string | null;
    }
  | { readonly credentialType: 'basic'; readonly user: string; readonly password: string }
);

/** A database that a user has told the server of. */
export type StoredDataStore = {
  readonly jdbcUrl: string;
  /** For jobs that name none themselves: one of the same user's. */
  readonly credentialId: string | null;
};

/** What users have given a server to keep for their jobs. */
export interface StoredSecrets {
  readonly credentials: SealedRecords<StoredCredential>;
  readonly dataStores: SealedRecords<StoredDataStore>;
}

/** @param store has the tables of a server. @param seal null: there is no key, and nothing is kept. */
export async function openSecrets(
  store: StoreSession,
  seal: Seal | null,
  clock: Pick<Clock, 'wall'>,
): Promise<StoredSecrets> {
  return {
    credentials: await SealedRecords.open('credential', store, seal, clock),
    dataStores: await SealedRecords.open('dataStore', store, seal, clock),
  };
}
