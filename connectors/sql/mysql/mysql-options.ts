import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'mysql2';
import { type ConnectionGuard, messageOf, SluiceError } from '../../../src/sdk.ts';
import type { JdbcHost, JdbcUrl } from '../jdbc-url.ts';
import type { SqlAccess } from '../sql-settings.ts';

/** How one server is spoken to. */
export interface MysqlSettings {
  readonly hosts: readonly JdbcHost[];
  /** All but the host. */
  readonly options: ConnectionOptions;
  readonly place: string;
  /** Whether `tinyint(1)` is a truth value, as JDBC has it. */
  readonly tinyIsTruth: boolean;
  /** Whether LOAD DATA LOCAL may be used where the server allows it. */
  readonly loadsLocal: boolean;
  readonly guard: ConnectionGuard | null;
}

/** The settings of an address, by the names that Connector/J or MariaDB's driver have for them; others are left unread, as those two differ in them. */
export function mysqlSettings(url: JdbcUrl, access: SqlAccess): MysqlSettings {
  const { parameters } = url;
  const is = (value: string, ...names: readonly string[]): boolean =>
    names.some((name) => parameters.get(name)?.toLowerCase() === value);
  return {
    hosts: url.hosts,
    place: url.place,
    tinyIsTruth: !is('false', 'tinyint1isbit'),
    loadsLocal: !is('false', 'allowloadlocalinfile', 'allowlocalinfile'),
    guard: access.guard ?? null,
    options: {
      user: access.user ?? url.user ?? '',
      password: access.password ?? url.password ?? '',
      ...(url.database === null ? {} : { database: url.database }),
      ...tls(url),
      connectTimeout: Math.max(1, Math.min(access.connectMs, 2 ** 31 - 1)),
      charset: 'utf8mb4_bin',
      // Numbers and dates as the text that the server gives: nothing is lost on the way.
      supportBigNumbers: true,
      dateStrings: true,
      jsonStrings: true,
      timezone: 'Z',
      rowsAsArray: true,
      maxPreparedStatements: 50,
      flags: ['+LOCAL_FILES', '-CONNECT_ATTRS'],
    },
  };
}

type Tls = NonNullable<Exclude<ConnectionOptions['ssl'], string>>;

function tls({ parameters }: JdbcUrl): { readonly ssl?: Tls } {
  const mode = (parameters.get('sslmode') ?? '').toLowerCase().replace('-', '_');
  const flag = (name: string): boolean => parameters.get(name)?.toLowerCase() === 'true';
  const file = parameters.get('serversslcert') ?? parameters.get('sslca');
  const trusts = mode === 'trust' || flag('trustservercertificate');
  const wanted =
    ['required', 'trust', 'verify_ca', 'verify_full', 'verify_identity', 'require'].includes(mode) ||
    (mode === '' && (flag('usessl') || flag('requiressl')));
  if (!wanted) return {};
  const checks = !trusts && (mode.startsWith('verify') || flag('verifyservercertificate') || file !== undefined);
  return {
    ssl: {
      rejectUnauthorized: checks,
      ...(file === undefined ? {} : { ca: certificate(file) }),
      // The name in the certificate is looked at by the two strictest modes only.
      verifyIdentity: mode === 'verify_full' || mode === 'verify_identity',
    },
  };
}

function certificate(file: string): string {
  if (file.startsWith('-----BEGIN')) return file;
  try {
    return readFileSync(file.replace(/^file:(\/\/)?/, ''), 'utf8');
  } catch (error) {
    throw new SluiceError('CONFIG_INVALID', `jdbcUrl: the certificate ${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
