import { decodedPart, SluiceError } from '../../src/sdk.ts';

export interface JdbcHost {
  readonly host: string;
  readonly port: number | null;
}

/** What a JDBC address says. */
export interface JdbcUrl {
  /** The word behind `jdbc:`, in small letters: `postgresql`, `mysql`, `sqlserver`, `h2`. Two for `oracle:thin` and `h2:mem` count as the first. */
  readonly product: string;
  /** In the order of trying; empty for an embedded database, and for an address that only its own driver understands. */
  readonly hosts: readonly JdbcHost[];
  /** Name or path of the database; null where the address leaves it to the server. */
  readonly database: string | null;
  /** Settings of the address by their name in small letters, without user and password. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly user: string | null;
  readonly password: string | null;
  /** The address without user and password: for a JDBC driver, which is given them apart. */
  readonly url: string;
  /** Where it is, for people and identities: `db.example:5432/sales`. */
  readonly place: string;
}

/** What one family of addresses is made of. */
interface AddressParts {
  readonly hosts: readonly JdbcHost[];
  readonly database: string | null;
  readonly parameters: readonly Parameter[];
  readonly user?: string | null;
  readonly password?: string | null;
  /** The address again, without its user and password. */
  readonly without: (kept: readonly Parameter[]) => string;
}

/** A setting as it was written: the name, what it means, and the text of it. */
interface Parameter {
  readonly name: string;
  readonly value: string;
  readonly text: string;
}

/** The names by which drivers take a user and a password in an address. */
const USER: ReadonlySet<string> = new Set(['user', 'username', 'userid', 'uid']);
const PASSWORD: ReadonlySet<string> = new Set(['password', 'pwd', 'pass']);

/** Reads a JDBC address. Throws CONFIG_INVALID, never showing a password. */
export function parseJdbcUrl(text: string): JdbcUrl {
  const found = /^\s*jdbc:([a-z][a-z0-9+.-]*):(.*?)\s*$/is.exec(text);
  if (found === null) {
    throw new SluiceError(
      'CONFIG_INVALID',
      'jdbcUrl is no JDBC address: it must be of the form jdbc:postgresql://host:5432/database.',
    );
  }
  const product = found[1]!.toLowerCase();
  const rest = found[2]!;
  const parts = (families[product] ?? general)(rest, product);
  const kept = parts.parameters.filter(({ name }) => !USER.has(name) && !PASSWORD.has(name));
  const given = (names: ReadonlySet<string>): string | null =>
    parts.parameters.find(({ name }) => names.has(name))?.value ?? null;
  const where = parts.hosts.map(({ host, port }) => (port === null ? host : `${host}:${port}`)).join(',');
  const database = parts.database ?? (where === '' ? product : null);
  return {
    product,
    hosts: parts.hosts,
    database: parts.database,
    parameters: new Map(kept.map(({ name, value }) => [name, value])),
    user: parts.user ?? given(USER),
    password: parts.password ?? given(PASSWORD),
    url: `jdbc:${found[1]}:${parts.without(kept)}`,
    place: [where, database].filter((part) => part !== '' && part !== null).join('/'),
  };
}

type Family = (rest: string, product: string) => AddressParts;

const families: Readonly<Record<string, Family>> = {
  postgresql: (rest) => networked(rest, 'postgresql', 5432),
  redshift: (rest) => networked(rest, 'redshift', 5439),
  mysql: (rest) => networked(rest, 'mysql', 3306),
  mariadb: (rest) => networked(rest, 'mariadb', 3306),
  snowflake: (rest) => networked(rest, 'snowflake', 443),
  sqlite: embeddedPath,
  sqlserver,
  oracle,
  h2,
};

/** `//user:password@host:port,host2/database?a=b&c=d`, also `database` and `/` alone, and `loadbalance://…`. */
function networked(rest: string, product: string, defaultPort: number): AddressParts {
  const found = /^((?:[a-z+]+:)?\/\/)(?:([^/?]*)@)?([^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/is.exec(rest);
  if (found === null) {
    // PostgreSQL's short forms: a database of this machine, or only its server.
    const short = /^\/?([^/?]*)(?:\?(.*))?$/s.exec(rest);
    if (product !== 'postgresql' || short === null) throw unreadable(product, `//host:${defaultPort}/database`);
    const [, database = '', query = ''] = short;
    return {
      hosts: [{ host: 'localhost', port: defaultPort }],
      database: decodedPart(database) || null,
      parameters: settings(query, '&'),
      without: (kept) => `${rest.startsWith('/') ? '/' : ''}${database}${written('?', kept, '&')}`,
    };
  }
  const [, scheme = '//', login, address = '', database, query = ''] = found;
  const { user, password } = loginOf(login);
  const hosts = address.split(',').map((one) => hostOf(one, defaultPort, product));
  return {
    hosts,
    database: database === undefined ? null : decodedPart(database) || null,
    parameters: settings(query, '&'),
    user,
    password,
    without: (kept) => `${scheme}${address}${database === undefined ? '' : `/${database}`}${written('?', kept, '&')}`,
  };
}

/** `//host\instance:port;databaseName=sales;user=…`. A value in braces may hold semicolons. */
function sqlserver(rest: string): AddressParts {
  const found = /^\/\/([^;:\\/]*)(\\[^;:]*)?(?::(\d+))?((?:;.*)?)$/s.exec(rest);
  if (found === null) throw unreadable('sqlserver', '//host:1433;databaseName=database');
  const [, host = '', instance = '', port, tail = ''] = found;
  const parameters = braced(tail);
  const value = (...names: readonly string[]): string | null =>
    parameters.find(({ name }) => names.includes(name))?.value ?? null;
  const server = host || value('servername', 'server') || 'localhost';
  const number = port ?? value('portnumber', 'port');
  return {
    hosts: [{ host: `${server}${instance}`, port: number === null ? (instance === '' ? 1433 : null) : Number(number) }],
    database: value('databasename', 'database'),
    parameters,
    without: (kept) =>
      `//${host}${instance}${port === undefined ? '' : `:${port}`}${kept.map(({ text }) => `;${text}`).join('')}`,
  };
}

/** `thin:user/password@//host:1521/service`, `thin:@host:1521:sid`, `thin:@(DESCRIPTION=…)`, `thin:@name`. */
function oracle(rest: string): AddressParts {
  const found = /^(thin|oci8?):([^?(]*)@(.*)$/is.exec(rest);
  if (found === null) throw unreadable('oracle', 'thin:@//host:1521/service');
  const [, kind = 'thin', login = '', address = ''] = found;
  const slash = login.indexOf('/');
  const user = slash < 0 ? login : login.slice(0, slash);
  const password = slash < 0 ? '' : login.slice(slash + 1).replace(/^"(.*)"$/s, '$1');
  const [place, query = ''] = splitOnce(address, '?');
  const service = /^(?:tcps?:)?(?:\/\/)?([^/:?()]+)(?::(\d+))?(?:[/:]([^?()]+))?$/is.exec(place);
  const isName = service !== null && service[2] === undefined && service[3] === undefined && !place.includes('//');
  const hosts =
    service === null || isName
      ? [...place.matchAll(/\(\s*HOST\s*=\s*([^)\s]+)\s*\)(?:\s*\(\s*PORT\s*=\s*(\d+))?/gi)].map(([, host, port]) => ({
          host: host!,
          port: port === undefined ? 1521 : Number(port),
        }))
      : [{ host: service[1]!, port: Number(service[2] ?? 1521) }];
  const named = /\(\s*(?:SERVICE_NAME|SID)\s*=\s*([^)\s]+)\s*\)/i.exec(place)?.[1] ?? null;
  return {
    hosts,
    database: service === null ? named : isName ? service[1]! : (service[3] ?? null),
    parameters: settings(query, '&'),
    user: user === '' ? null : user,
    password: password === '' ? null : password,
    without: (kept) => `${kind}:@${place}${written('?', kept, '&')}`,
  };
}

/** `mem:name`, `file:path`, `~/path`, `tcp://host:port/path`, each with `;SETTING=value`. */
function h2(rest: string): AddressParts {
  const [place, tail = ''] = splitOnce(rest, ';');
  const found = /^(?:tcp|ssl):\/\/([^/]+)\/(.*)$/is.exec(place);
  return {
    hosts: found === null ? [] : found[1]!.split(',').map((one) => hostOf(one, 9092, 'h2')),
    database: found === null ? place.replace(/^file:/i, '') : found[2]!,
    parameters: settings(tail, ';'),
    without: (kept) => `${place}${written(';', kept, ';')}`,
  };
}

/** `path?setting=value`: SQLite. */
function embeddedPath(rest: string): AddressParts {
  const [path, query = ''] = splitOnce(rest, '?');
  if (path === '') throw unreadable('sqlite', 'PATH');
  return {
    hosts: [],
    database: path.replace(/^file:/i, ''),
    parameters: settings(query, '&'),
    without: (kept) => `${path}${written('?', kept, '&')}`,
  };
}

/** Any other driver's: what looks like host, database and settings is taken for them, for messages; the driver reads the address itself. */
function general(rest: string): AddressParts {
  const found = /^(.*?)([;?])(.*)$/s.exec(rest);
  const [head, mark, tail] = found === null ? [rest, '?', ''] : [found[1]!, found[2]!, found[3]!];
  const between = mark === ';' ? ';' : '&';
  const address = /^(?:[a-z0-9+.:-]*?:)?\/\/(?:([^/]*)@)?([^/@]*)(?:\/(.*))?$/is.exec(head);
  const { user, password } = loginOf(address?.[1]);
  const plain = address?.[1] === undefined ? head : head.replace(`${address[1]}@`, '');
  return {
    hosts: address === null || address[2] === '' ? [] : address[2]!.split(',').map((one) => anyHost(one)),
    // In front of an @ that nobody here understands there is a user, and perhaps a password.
    database: address === null ? head.replace(/^.*@/s, '') : address[3] || null,
    parameters: settings(tail, between),
    user,
    password,
    without: (kept) => `${plain}${written(mark, kept, between)}`,
  };
}

function loginOf(login: string | undefined): { readonly user: string | null; readonly password: string | null } {
  if (login === undefined) return { user: null, password: null };
  const [user, password] = splitOnce(login, ':');
  return { user: decodedPart(user) || null, password: password === undefined ? null : decodedPart(password) };
}

function hostOf(text: string, defaultPort: number, product: string): JdbcHost {
  const found = /^(\[[^\]]+\]|[^:]*)(?::(\d{1,5}))?$/s.exec(text.trim());
  const port = Number(found?.[2] ?? defaultPort);
  if (found === null || port > 65_535) throw unreadable(product, `//host:${defaultPort}/database`);
  return { host: found[1]!.replace(/^\[(.*)\]$/s, '$1') || 'localhost', port };
}

function anyHost(text: string): JdbcHost {
  const found = /^(.*?)(?::(\d{1,5}))?$/s.exec(text)!;
  return { host: found[1]!, port: found[2] === undefined ? null : Number(found[2]) };
}

function settings(query: string, between: string): Parameter[] {
  return query
    .split(between)
    .filter((text) => text.trim() !== '')
    .map((text) => {
      const [name, value = ''] = splitOnce(text, '=');
      return {
        name: decodedPart(name).trim().toLowerCase(),
        value: between === '&' ? decodedPart(value) : value,
        text,
      };
    });
}

/** `;name=value;name={value; with semicolons}`. */
function braced(tail: string): Parameter[] {
  return [...tail.matchAll(/;?\s*([^=;]+)=(\{(?:[^}]|\}\})*\}|[^;]*)/gs)].map(([text, name, value]) => ({
    name: name!.trim().toLowerCase(),
    value: value!.startsWith('{') ? value!.slice(1, -1).replaceAll('}}', '}') : value!.trim(),
    text: text.replace(/^;/, ''),
  }));
}

function written(mark: string, kept: readonly Parameter[], between: string): string {
  return kept.length === 0 ? '' : `${mark}${kept.map(({ text }) => text).join(between)}`;
}

function splitOnce(text: string, at: string): [string, string?] {
  const index = text.indexOf(at);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + at.length)];
}

function unreadable(product: string, form: string): SluiceError {
  return new SluiceError(
    'CONFIG_INVALID',
    `jdbcUrl cannot be read: an address of ${product} is of the form jdbc:${product}:${form}.`,
  );
}
