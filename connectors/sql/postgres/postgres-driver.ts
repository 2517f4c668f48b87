import { Socket } from 'node:net';
import pg from 'pg';
import { findSluiceError, type GuardedLookup, messageOf } from '../../../src/sdk.ts';
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
        const lookup = access.guard?.(address.host ?? '', address.port ?? 5432);
        const client = new pg.Client(
          lookup === undefined ? address : { ...address, stream: () => guardedSocket(lookup) },
        );
        // Without a listener the end of an idle connection would end the process. The next query tells of it.
        client.on('error', () => undefined);
        const connection = new PostgresConnection(client);
        try {
          await connection.begun(sessionSettings(url), signal);
          return connection;
        } catch (error) {
          await connection.close();
          if (signal.aborted) throw signal.reason;
          const refused = findSluiceError(error);
          if (refused !== undefined) throw refused;
          last = postgresFault(error);
          if (last.kind !== 'connection') break;
        }
      }
      throw last ?? postgresFault(new Error(`no host in the address: ${messageOf(url.place)}`));
    },
  };
}

/** A socket that resolves names as it is told to. The library makes the connection, by port and host. */
function guardedSocket(lookup: GuardedLookup): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket);
  socket.connect = ((port: number, host: string) => connect({ port, host, lookup })) as Socket['connect'];
  return socket;
}
