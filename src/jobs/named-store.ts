import { createFileStore } from '../../connectors/file/file-store.ts';
import { createS3Store } from '../../connectors/s3/s3-store.ts';
import type { ObjectStore, OutputLookup } from '../core/object-store.ts';

/** How a store is reached that no job describes. Credentials are those that the tools of AWS would find. */
export interface StoreAccess {
  /** Null: what AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL says, or Amazon's. */
  readonly endpointUrl?: string | null;
  readonly region?: string | null;
}

/** The store that a name given on the command line is in: S3 for `s3://…`, files for all else. */
export function namedStore(name: string, access: StoreAccess = {}): ObjectStore & OutputLookup {
  if (!name.startsWith('s3://')) return createFileStore();
  const { endpointUrl = null, region = null } = access;
  return createS3Store({ settings: { endpointUrl, region } });
}
