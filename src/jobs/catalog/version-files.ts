import { mkdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { VersionFiles } from '../../../connectors/catalog/local-catalog.ts';
import { createFileStore } from '../../../connectors/file/file-store.ts';
import { deleteObject } from '../../../connectors/s3/object-requests.ts';
import { S3Connection } from '../../../connectors/s3/s3-connection.ts';
import { s3Fault } from '../../../connectors/s3/s3-fault.ts';
import { defaultS3Settings, type S3Settings } from '../../../connectors/s3/s3-settings.ts';
import { createS3Store } from '../../../connectors/s3/s3-store.ts';
import { parseS3Url } from '../../../connectors/s3/s3-url.ts';
import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import type { ObjectStore } from '../../core/object-store.ts';
import type { CatalogPlace } from '../description/dataset-fields.ts';
import { describedS3Credentials } from '../s3-keys.ts';

/** The files of the registry's versions: below its folder, or under a prefix of S3. */
export class StoredVersions implements VersionFiles {
  readonly #place: CatalogPlace;
  readonly #clock: Clock;
  readonly #files: ObjectStore = createFileStore();
  #s3: ObjectStore | null = null;

  constructor(place: CatalogPlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  /** Where a new version goes. */
  locate(datasetId: string, versionId: string, ending: string): string {
    const { store } = this.#place;
    const name = `${datasetId}/${versionId}.${ending}`;
    return store === null ? `data/${name}` : `${store.url}${name}`;
  }

  at(location: string): { readonly store: ObjectStore; readonly key: string } {
    if (!location.startsWith('s3://')) return { store: this.#files, key: join(this.#place.folder, location) };
    this.#s3 ??= createS3Store({ settings: this.#settings(location), clock: this.#clock });
    return { store: this.#s3, key: location };
  }

  /** Makes the folder that a new version goes into. */
  async prepare(location: string): Promise<void> {
    if (!location.startsWith('s3://')) await mkdir(dirname(this.at(location).key), { recursive: true });
  }

  /** Removes a version's file and all that its writing left beside it. */
  async remove(location: string, signal: AbortSignal): Promise<void> {
    const { store, key } = this.at(location);
    await this.prepare(location);
    // Taking it anew throws away what an interrupted writer left.
    const staged = await store.stage(key, { overwrite: true }, signal);
    await staged.discard();
    await staged.close();
    const names = [key, `${key}.manifest.json`];
    if (store === this.#files) {
      for (const name of names) await rm(name, { force: true });
      // The folder of a dataset goes with its last version.
      await rmdir(dirname(key)).catch(() => undefined);
      return;
    }
    await using connection = new S3Connection(this.#settings(location), this.#clock);
    try {
      for (const name of names) await deleteObject(connection, parseS3Url(name), null, signal);
    } catch (error) {
      throw s3Fault(error, { doing: 'write', name: key, endpoint: connection.endpoint });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#s3?.[Symbol.asyncDispose]();
  }

  #settings(location: string): S3Settings {
    const { store } = this.#place;
    if (store === null) {
      throw new SluiceError(
        'CONFIG_INVALID',
        `${location} is in S3, and nothing says how to get there: give --config with catalog.store, as it was when the version was made.`,
      );
    }
    const { credentials, endpointUrl, region, pathStyle } = store;
    return { ...defaultS3Settings, credentials: describedS3Credentials(credentials), endpointUrl, region, pathStyle };
  }
}
