import { type PortableVariables, verbatim } from './portable-variables.ts';

/** A data store, as far as its user may know it. */
export interface NamedStore {
  /** Null: it stands in the configuration of the server. */
  readonly jdbcUrl: string | null;
  /** Whether it names credentials. */
  readonly hasCredentials: boolean;
}

interface EndContext {
  readonly stores: ReadonlyMap<string, NamedStore>;
  /** Base address of the server's API. */
  readonly base: string;
  readonly variables: PortableVariables;
}

type Settings = Readonly<Record<string, unknown>>;
type End = 'intake' | 'output';

/** Settings of an end for a job on another machine: secrets, uploads and names of what the server keeps become variables. */
export function portableEnd(end: End, given: Settings, context: EndContext): object {
  const { type = 'localFile' } = given;
  if (type === 'localFile') return localFile(end, context.variables);
  if (type === 'jdbc') return database(end, given, context);
  if (type === 's3') return bucket(end, given, context.variables);
  if (type === 'http') return address(end, given, context.variables);
  const token = context.variables.takes('SLUICE_TOKEN', `a token of ${context.base}, which has the dataset`, '');
  return { ...verbatim(given), catalogUrl: verbatim(context.base), token };
}

function localFile(end: End, variables: PortableVariables): object {
  return end === 'intake'
    ? { type: 'localFile', file: variables.needs('INTAKE_FILE', 'the file with the rows') }
    : { type: 'localFile', path: variables.takes('OUTPUT_FILE', 'the file for the scored rows', 'scored.csv') };
}

function database(
  end: End,
  { dataStoreId, credentialId, credentials, ...rest }: Settings,
  { stores, variables }: EndContext,
): object {
  const store = stores.get(String(dataStoreId)) ?? { jdbcUrl: null, hasCredentials: false };
  const prefix = `${end.toUpperCase()}_JDBC`;
  const hasUser = isGiven(credentialId) || isGiven(credentials) || store.hasCredentials;
  const what = `the ${end}'s database`;
  return {
    ...verbatim(rest),
    jdbcUrl:
      store.jdbcUrl === null
        ? variables.needs(`${prefix}_URL`, `the address (jdbc) of ${what}, ${plain(String(dataStoreId))} on the server`)
        : verbatim(store.jdbcUrl),
    ...(hasUser
      ? {
          credentials: {
            user: variables.needs(`${prefix}_USERNAME`, `a user of ${what}`),
            password: variables.needs(`${prefix}_PASSWORD`, 'his password'),
          },
        }
      : {}),
  };
}

function bucket(end: End, given: Settings, variables: PortableVariables): object {
  const { credentialId, credentials, customerKey, serverSideEncryption, ...rest } = given;
  const isPublic = !isGiven(credentialId) && (!isGiven(credentials) || credentials === 'none');
  const prefix = `${end.toUpperCase()}_S3`;
  const key = (): string => variables.needs(`${prefix}_CUSTOMER_KEY`, `the key that the ${end} is encrypted with`);
  const { customerKey: own, kmsEncryptionContext: about, ...encryption } = (serverSideEncryption ?? {}) as Settings;
  if (!isPublic) variables.mentions('AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY', `keys of the ${end}'s store`);
  return {
    ...verbatim(rest),
    ...(isPublic ? { credentials: 'none' } : {}),
    ...(isGiven(customerKey) ? { customerKey: key() } : {}),
    ...(isGiven(serverSideEncryption)
      ? {
          serverSideEncryption: {
            ...verbatim(encryption),
            ...(isGiven(own) ? { customerKey: key() } : {}),
            ...(isGiven(about)
              ? { kmsEncryptionContext: variables.needs(`${prefix}_KMS_CONTEXT`, 'its kmsEncryptionContext') }
              : {}),
          },
        }
      : {}),
  };
}

function address(end: End, { url, token, headers, body, ...rest }: Settings, variables: PortableVariables): object {
  const prefix = `${end.toUpperCase()}_HTTP`;
  const parsed = URL.parse(String(url));
  // A query may be a signature.
  const isSecret = parsed === null || `${parsed.username}${parsed.password}${parsed.search}` !== '';
  const shown = `${parsed?.origin ?? ''}${parsed?.pathname ?? ''}`;
  const names = Object.keys(headers ?? {});
  const header = (name: string): string =>
    variables.needs(`${prefix}_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`, `the header ${plain(name)}`);
  return {
    ...verbatim(rest),
    url: isSecret ? variables.needs(`${prefix}_URL`, `the whole address of ${plain(shown)}`) : verbatim(url),
    ...(isGiven(token) ? { token: variables.needs(`${prefix}_TOKEN`, `a token of ${plain(shown)}`) } : {}),
    ...(names.length > 0 ? { headers: Object.fromEntries(names.map((name) => [name, header(name)])) } : {}),
    ...(isGiven(body) ? { body: variables.needs(`${prefix}_BODY`, 'what is sent') } : {}),
  };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** Fit for the message of a variable. */
function plain(text: string): string {
  return text.replaceAll(/[{}$\s]+/g, ' ').slice(0, 200);
}
