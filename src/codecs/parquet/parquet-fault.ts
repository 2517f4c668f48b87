import { messageOf, SluiceError } from '../../core/error.ts';

/** Where in a file something was found. */
export interface ParquetPlace {
  /** The object, as messages name it. */
  readonly name: string;
  readonly group?: number;
  readonly column?: string;
}

/** A file, or a part of it, that is not what it should be. */
export function brokenParquet(place: ParquetPlace, what: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'FORMAT_BROKEN',
    `${placeText(place)}: ${what}. Check that the file was written and copied completely, or write it anew.`,
    cause === undefined ? {} : { cause },
  );
}

/** What a sound file may have and Sluice does not read. */
export function unsupportedParquet(place: ParquetPlace, what: string): SluiceError {
  return new SluiceError(
    'PARQUET_UNSUPPORTED',
    `${placeText(place)}: ${what}. Write the file without it, or leave the column out with the setting \`columns\`.`,
  );
}

/** Runs what takes bytes apart: whatever it throws that is not ours says that the bytes are broken. */
export function takenApart<T>(place: ParquetPlace, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    throw brokenParquet(place, `its data cannot be decoded (${messageOf(error)})`, error);
  }
}

function placeText({ name, group, column }: ParquetPlace): string {
  const parts = [name];
  if (group !== undefined) parts.push(`row group ${group}`);
  if (column !== undefined) parts.push(`column "${column}"`);
  return parts.join(', ');
}
