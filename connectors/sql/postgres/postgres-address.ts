import { readFileSync } from 'node:fs';
import type { ClientConfig } from 'pg';
import { messageOf, SluiceError } from '../../../src/sdk.ts';
import type { JdbcUrl } from '../jdbc-url.ts';
import type { SqlAccess } from '../sql-settings.ts';

/** Modes of the JDBC driver; the others encrypt and check certificates as far as their names say. */
const PLAIN: ReadonlySet<string> = new Set(['disable', 'allow', 'prefer']);

/**
 * What the library is told to connect to each of the hosts, in the order of trying. Throws CONFIG_INVALID for certificates that cannot be read, and for
 * hosts from afar without a user.
 */
export function postgresAddresses(url: JdbcUrl, access: SqlAccess): readonly ClientConfig[] {
  const { connectMs } = access;
  const ssl = encryption(url.parameters);
  const login = loginOf(url, access);
  return url.hosts.map(({ host, port }) => ({
    host,
    port: port ?? 5432,
    database: url.database ?? undefined,
    ...login,
    ssl,
    connectionTimeoutMillis: Math.max(1, connectMs),
    application_name: url.parameters.get('applicationname') ?? 'sluice',
    keepAlive: true,
  }));
}

/** What is said to every connection first. Values must come as text that means the same everywhere. */
export function sessionSettings(url: JdbcUrl): string {
  const path = url.parameters.get('currentschema');
  const settings = [
    "SET client_encoding = 'UTF8'",
    "SET DateStyle = 'ISO, YMD'",
    "SET IntervalStyle = 'iso_8601'",
    "SET TimeZone = 'UTC'",
    'SET extra_float_digits = 1',
    "SET bytea_output = 'hex'",
    // Constraints that wait for the end of a transaction would fail all of its rows.
    ...(path === undefined ? [] : [`SET search_path = ${path.split(',').map(quoted).join(', ')}`]),
  ];
  return settings.join('; ');
}

function quoted(name: string): string {
  return `"${name.trim().replaceAll('"', '""')}"`;
}

/**
 * Who asks. What is missing the library takes from the environment and from ~/.pgpass, as all tools of PostgreSQL do; a host that somebody named
 * from afar must not be told what those of this machine say.
 */
function loginOf(url: JdbcUrl, { user, password, guard }: SqlAccess): Pick<ClientConfig, 'user' | 'password'> {
  const given = { user: user ?? url.user ?? undefined, password: password ?? url.password ?? undefined };
  if (guard === undefined) return given;
  if (given.user === undefined || given.user === '')
    throw new SluiceError('CONFIG_INVALID', `jdbcUrl: ${url.place} must be asked by a user; give credentials.`);
  // An empty password counts as missing, what a function gives does not.
  return { user: given.user, password: () => given.password ?? '' };
}

function encryption(parameters: ReadonlyMap<string, string>): ClientConfig['ssl'] {
  const mode = parameters.get('sslmode') ?? (isOn(parameters.get('ssl')) ? 'verify-full' : 'disable');
  if (PLAIN.has(mode)) return false;
  const file = (name: string): string | undefined => {
    const path = parameters.get(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new SluiceError('CONFIG_INVALID', `jdbcUrl: ${name} cannot be read: ${messageOf(error)}`, { cause: error });
    }
  };
  return {
    ca: file('sslrootcert'),
    cert: file('sslcert'),
    key: file('sslkey'),
    rejectUnauthorized: mode !== 'require',
    // `verify-ca` trusts the certificate, whatever its name.
    ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}

function isOn(text: string | undefined): boolean {
  return text !== undefined && text.toLowerCase() !== 'false';
}
