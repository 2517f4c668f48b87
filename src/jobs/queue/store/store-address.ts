import { resolve } from 'node:path';
import type { SqlAccess } from '../../../../connectors/sql/sql-settings.ts';
import { decodedPart } from '../../../core/address-part.ts';
import { SluiceError } from '../../../core/error.ts';

/** How the jobs of a server are reached. */
export interface StoreAddress {
  readonly access: SqlAccess;
  /** The file that it is, which nobody else may read; left out for a server. */
  readonly file?: string;
  /** One process alone may use it: whatever another one had claimed is free. */
  readonly isOwn: boolean;
}

/**
 * Where jobs are kept: `postgres://user:password@host:5432/database` (several servers may share it), or (null) the SQLite file
 * `server.sqlite` of the state folder. Throws CONFIG_INVALID, without the address, which may hold a password.
 */
export function storeAddress(store: string | null, stateFolder: string): StoreAddress {
  if (store === null) {
    const file = resolve(stateFolder, 'server.sqlite');
    return { access: accessTo(`jdbc:sqlite:${file}?create=true&journal_mode=wal`, null, null), file, isOwn: true };
  }
  const url = URL.parse(store);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol))
    throw new SluiceError(
      'CONFIG_INVALID',
      'server.store must be an address of PostgreSQL: postgres://user:password@host:5432/database. Left out, jobs are kept in the state folder.',
    );
  const user = decodedPart(url.username) || null;
  const password = decodedPart(url.password) || null;
  return {
    access: accessTo(`jdbc:postgresql://${url.host}${url.pathname}${url.search}`, user, password),
    isOwn: false,
  };
}

function accessTo(jdbcUrl: string, user: string | null, password: string | null): SqlAccess {
  return { jdbcUrl, user, password, connectMs: 10_000, fetchSize: null, jars: [], driverClass: null };
}
