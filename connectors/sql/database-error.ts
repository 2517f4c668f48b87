import { SluiceError } from '../../src/sdk.ts';
import type { SqlDriver } from './driver.ts';
import { SqlFault } from './sql-fault.ts';

/** What was done when a fault came, for its message. */
export interface DatabaseContext {
  readonly driver: Pick<SqlDriver, 'product' | 'place'>;
  /** `reading the table "sales"`. */
  readonly doing: string;
}

/** The error of the product for a fault of a database; anything else stays what it is. */
export function databaseError(error: unknown, { driver, doing }: DatabaseContext): unknown {
  if (!(error instanceof SqlFault)) return error;
  const where = `${driver.product} at ${driver.place}`;
  const facts = { cause: error };
  switch (error.kind) {
    case 'connection':
      return new SluiceError(
        'DATABASE_UNREACHABLE',
        `${where} does not answer, ${doing}: ${error.message}. Start it, or correct jdbcUrl; run the same job again to continue.`,
        facts,
      );
    case 'access':
      return new SluiceError(
        'DATABASE_ACCESS',
        `${where} refuses, ${doing}: ${error.message}. Correct the credentials, or have the right granted.`,
        facts,
      );
    case 'missing':
      return new SluiceError(
        'DATABASE_MISSING',
        `${where}, ${doing}: ${error.message}. Correct the name of the ${error.what ?? 'table'}, or create it.`,
        facts,
      );
    case 'full':
      return new SluiceError('OUTPUT_FULL', `${where} has no room left, ${doing}: ${error.message}`, facts);
    case 'row':
    case 'conflict':
    case 'statement':
    default:
      return new SluiceError('DATABASE_FAULT', `${where} failed, ${doing}: ${error.message}`, facts);
  }
}
