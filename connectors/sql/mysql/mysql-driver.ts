import type { SqlDriver } from '../driver.ts';
import type { JdbcUrl } from '../jdbc-url.ts';
import type { SqlAccess } from '../sql-settings.ts';
import { MysqlConnection } from './mysql-connection.ts';
import { mariaDbDialect, mysqlDialect } from './mysql-dialect.ts';
import { mysqlSettings } from './mysql-options.ts';

/** MySQL, MariaDB and what speaks their protocol. */
export function createMysqlDriver(url: JdbcUrl, access: SqlAccess): SqlDriver {
  const settings = mysqlSettings(url, access);
  return {
    product: url.product === 'mariadb' ? 'MariaDB' : 'MySQL',
    place: settings.place,
    dialect: url.product === 'mariadb' ? mariaDbDialect : mysqlDialect,
    connect: (signal) => MysqlConnection.open(settings, signal),
  };
}
