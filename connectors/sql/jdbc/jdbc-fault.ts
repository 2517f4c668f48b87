import { SluiceError } from '../../../src/sdk.ts';
import { BridgeError, type BridgeFault } from '../bridge/bridge-session.ts';
import { SqlFault, type SqlFaultFacts, type SqlFaultKind } from '../sql-fault.ts';

/** SQLSTATE by its beginning, the longer ones first: the standard's classes, and what PostgreSQL and H2 add to them. */
const STATES: readonly (readonly [RegExp, SqlFaultKind])[] = [
  [/^(08|57P0)/, 'connection'],
  [/^(28|42501)/, 'access'],
  [/^(40|55P03|57014|HYT00)/, 'conflict'],
  [/^(42S02|42P01|3F000|3D000|42S22|42703|42S0[34])/, 'missing'],
  [/^53100/, 'full'],
];

/** Numbers of vendors whose states say less, by a part of the driver's error class or the database's product. */
const CODES: Readonly<Record<string, ReadonlyMap<number, SqlFaultKind>>> = {
  h2: new Map([
    ...codes('connection', 90067, 90098, 90121, 90020, 90018),
    ...codes('conflict', 50200, 40001, 90131, 57014),
    ...codes('missing', 42102, 42103, 42104, 90079, 42122, 90013, 90146, 90149),
    ...codes('access', 90096, 28000, 90040),
    ...codes('full', 90062),
  ]),
  oracle: new Map([
    ...codes('connection', 3113, 3114, 12541, 12514, 12170, 1033, 1034, 1089, 17002, 17008, 17410, 28),
    ...codes('conflict', 54, 60, 8177, 4020),
    ...codes('missing', 942, 904, 1435),
    ...codes('access', 1017, 1031, 1045, 28000, 28001),
    ...codes('full', 1652, 1653, 1654, 1536),
  ]),
  sqlserver: new Map([
    ...codes('connection', 4060, 40613, 40197, 40501, 10053, 10054),
    ...codes('conflict', 1205, 1222, 3960),
    ...codes('missing', 208, 207, 911),
    ...codes('access', 18456, 229, 230, 262),
    ...codes('full', 1105, 9002),
  ]),
};

/** What is missing, by state or number. */
const WHAT: readonly (readonly [RegExp, NonNullable<SqlFaultFacts['what']>])[] = [
  [/^(42S02|42P01|42102|42103|42104|942|208)$/, 'table'],
  [/^(42S22|42703|42122|904|207)$/, 'column'],
  [/^(3F000|90079)$/, 'schema'],
  [/^(3D000|90013|90146|90149|911)$/, 'database'],
];

/** Of a message; some databases show the row. */
const LONGEST = 500;

/** What must not stand in a message, and what stands there instead. */
export interface Unsaid {
  readonly product: string;
  readonly place: string;
  readonly secrets: readonly string[];
  /** The address, which drivers like to repeat. */
  readonly url: string;
}

/** Tells an error of the bridge apart. Others come back as they are. */
export function jdbcFault(error: unknown, unsaid: Unsaid): unknown {
  if (error instanceof SluiceError && error.code === 'DATABASE_UNREACHABLE')
    return new SqlFault('connection', error.message, { cause: error.cause });
  if (!(error instanceof BridgeError)) return error;
  const { fault } = error;
  const words = said(fault.message, unsaid);
  const missing = missingDriver(fault, words, unsaid);
  if (missing !== null) return missing;
  const kind = kindOf(fault, unsaid.product);
  if (kind === 'row') return new SqlFault(kind, words, { row: fault.row ?? undefined });
  if (kind !== 'missing') return new SqlFault(kind, words);
  const what = WHAT.find(([code]) => code.test(fault.sqlState ?? '') || code.test(String(fault.vendorCode)))?.[1];
  return new SqlFault(kind, words, { what });
}

function kindOf({ class: name, sqlState, vendorCode, ofRow }: BridgeFault, product: string): SqlFaultKind {
  const vendor = CODES[/h2/i.test(name) ? 'h2' : product]?.get(vendorCode);
  if (vendor !== undefined) return vendor;
  if (ofRow) return 'row';
  const state = STATES.find(([pattern]) => pattern.test(sqlState ?? ''))?.[1];
  if (state !== undefined) return state;
  if (/SQL(NonTransient|Transient)Connection|SQLRecoverable|CommunicationsException/.test(name)) return 'connection';
  if (/TransactionRollback|SQLTimeout/.test(name)) return 'conflict';
  return /InvalidAuthorization/.test(name) ? 'access' : 'statement';
}

/** No driver took the address, or its class is not there: a matter of the settings. */
function missingDriver({ class: name, message }: BridgeFault, words: string, { product }: Unsaid): SluiceError | null {
  const noClass = /^java\.lang\.(ClassNotFoundException|NoClassDefFoundError)$/.test(name);
  if (!noClass && !message.startsWith('No suitable driver')) return null;
  const what = noClass
    ? `there is no class ${words} in the JAR files`
    : `no driver in the JAR files takes addresses of ${product}`;
  return new SluiceError(
    'CONFIG_INVALID',
    `jars: ${what}. Put the JDBC driver's JAR file, and those it needs, where jars says (files, or a folder of them), and name its class by driverClass if it does not announce itself.`,
  );
}

function said(message: string, { secrets, url, place }: Unsaid): string {
  // H2 repeats the statement behind its words.
  let text = message.replace(/; SQL statement:\s[\s\S]*?(?=\[\d+-\d+\]\s*$)/, ' ').replaceAll(url, place);
  for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '***');
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, LONGEST);
}

function codes(kind: SqlFaultKind, ...list: readonly number[]): readonly (readonly [number, SqlFaultKind])[] {
  return list.map((code) => [code, kind]);
}
