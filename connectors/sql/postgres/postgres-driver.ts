import pg from 'pg';
import { messageOf } from '../../../src/sdk.ts';
import type { SqlDriver } from '../driver.ts';
import type { JdbcUrl } from '../jdbc-url.ts';
import type { SqlFault } from '../sql-fault.ts';
import type { SqlAccess } from '../sql-settings.ts';
import { postgresAddresses, sessionSettings } from './postgres-address.ts';
import { PostgresConnection } from './postgres-connection.ts';
import { postgresDialect } from './postgres-dialect.ts';
import { postgresFault } from './postgres-fault.ts';

/** PostgreSQL, and what speaks its protocol and its COPY. */
export function createPostgresDriver(url: JdbcUrl, access: SqlAccess): SqlDriver {
  return {
    product: 'PostgreSQL',
    place: url.place,
    dialect: postgresDialect,
    async connect(signal) {
      let last: SqlFault | undefined;
      for (const address of postgresAddresses(url, access)) {
        signal.throwIfAborted();
        const client = new pg.Client(address);
        // Without a listener the end of an idle connection would end the process. The next query tells of it.
        client.on('error', () => undefined);
        const connection = new PostgresConnection(client);
        try {
          await connection.begun(sessionSettings(url), signal);
          return connection;
        } catch (error) {
          await connection.close();
          if (signal.aborted) throw signal.reason;
          last = postgresFault(error);
          if (last.kind !== 'connection') break;
        }
      }
      throw last ?? postgresFault(new Error(`no host in the address: ${messageOf(url.place)}`));
    },
  };
}
