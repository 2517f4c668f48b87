import { type Clock, type ObjectStore, SluiceError, systemClock } from '../../src/sdk.ts';
import { httpName, parseHttpUrl } from './http-address.ts';
import { readBody } from './http-body.ts';
import { HttpConnection } from './http-connection.ts';
import { defaultHttpSettings, type HttpSettings } from './http-settings.ts';
import { type HttpQuery, type HttpState, httpState, versionOf } from './http-state.ts';
import { checkUpload, type Spool, stageRequest, type UploadOptions } from './staged-request.ts';

export interface HttpStoreOptions {
  /** What differs from `defaultHttpSettings`. */
  readonly settings?: Partial<HttpSettings>;
  /** How bodies are asked for; a plain GET if left out. */
  readonly query?: Partial<HttpQuery>;
  /** How an output is sent, and where it is kept until then; left out for a store that is only read. */
  readonly upload?: UploadOptions & { readonly spool: Spool };
  readonly clock?: Clock;
}

const PLAIN_GET: HttpQuery = { method: 'GET', body: null, packed: false };

/**
 * Bodies behind addresses of HTTP as objects; each is read in the state that it was listed in, and in no other. An address may hold a user, a
 * password or a signature: keys and names leave them out. See README.md for what is promised.
 */
export function createHttpStore(options: HttpStoreOptions = {}): ObjectStore {
  const connection = new HttpConnection({ ...defaultHttpSettings, ...options.settings }, options.clock ?? systemClock);
  const query = { ...PLAIN_GET, ...options.query };
  const listed = new Map<string, { readonly text: string; readonly state: HttpState }>();

  return {
    pinsReads: true,
    name: (key) => {
      const url = URL.parse(key);
      return url === null ? key : httpName(url);
    },
    list: async (text, signal) => {
      const address = parseHttpUrl(text);
      const known = listed.get(address.name);
      const state = known?.state ?? (await httpState(connection, address, query, signal));
      if (known === undefined) listed.set(address.name, { text, state });
      return [{ key: address.name, bytes: state.bytes ?? 0, version: versionOf(state) }];
    },
    async *read(key, offset, signal) {
      const { text, state } = listed.get(key) ?? { text: key, state: null };
      const address = parseHttpUrl(text);
      const pinned = state ?? (await httpState(connection, address, query, signal));
      yield* readBody(connection, address, pinned, query, offset, signal);
    },
    stage: (key, { overwrite }, signal) =>
      stageRequest(connection, parseHttpUrl(key), uploadOf(options), overwrite, signal),
    checkOutput: (key, { overwrite }, signal) =>
      checkUpload(connection, parseHttpUrl(key), uploadOf(options), overwrite, signal),
    [Symbol.asyncDispose]: async () => {
      await options.upload?.spool.store[Symbol.asyncDispose]();
      await connection[Symbol.asyncDispose]();
    },
  };
}

function uploadOf({ upload }: HttpStoreOptions): UploadOptions & { readonly spool: Spool } {
  if (upload !== undefined) return upload;
  throw new SluiceError('CONTRACT_BROKEN', 'an address that is only read was to be written to');
}
