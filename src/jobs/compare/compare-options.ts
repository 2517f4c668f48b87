import type { CsvSettings } from '../../codecs/csv/csv-settings.ts';
import type { StoreAccess } from '../named-store.ts';

export interface CompareOptions {
  /** Columns whose values together name a row; without them rows are paired by their place. */
  readonly key?: readonly string[];
  /** Columns to compare; all of both when left out, which then must be the same. */
  readonly columns?: readonly string[];
  /** Numeric columns whose shift is told, and the column of the label; found by their names when left out. */
  readonly scores?: readonly string[];
  readonly label?: string;
  /** Two numbers whose difference is at most this are the same. Default 1e-9. */
  readonly tolerance?: number;
  readonly csvSettings?: Partial<Pick<CsvSettings, 'delimiter' | 'quotechar' | 'encoding'>>;
  /** How S3 is reached, for outputs whose names begin with s3://. */
  readonly access?: StoreAccess;
  /** What a join by key may take, in bytes, about. Default 512 MiB. */
  readonly memoryBytes?: number;
  readonly signal?: AbortSignal;
}
