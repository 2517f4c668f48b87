import { type Compression, compressionOf } from '../codecs/compression.ts';
import { createReaders, createWriter, type ObjectReaders, outputFormatOf } from '../codecs/formats.ts';
import type { FormatName, FormatPorts, ObjectWriter } from '../codecs/object-format.ts';
import type { ParquetCompression } from '../codecs/parquet/packing.ts';
import { SluiceError } from '../core/error.ts';
import type { JobDescription } from './description/parse-job.ts';

/** The fields that every intake of objects has. */
interface ObjectIntake {
  readonly format: FormatName | 'auto';
  readonly jsonPath: string | null;
  readonly columns: readonly string[] | null;
}

/** The fields that every output of objects has. */
interface ObjectOutput {
  readonly format: FormatName | 'auto';
  readonly compression: Exclude<Compression, 'bzip2'> | 'snappy' | 'auto';
}

/** Readers for the objects of an intake. Throws CONFIG_INVALID. */
export function intakeReaders(
  { csvSettings: csv }: Pick<JobDescription, 'csvSettings'>,
  { format, jsonPath, columns }: ObjectIntake,
  { clock }: FormatPorts,
): ObjectReaders {
  return createReaders({ format, csv, jsonPath, columns }, { clock });
}

/** What an output of this name holds. */
export function outputFormat({ format }: ObjectOutput, name: string): FormatName {
  return outputFormatOf(format, name);
}

/** How the pages of an output in Parquet are packed. */
export function parquetCompressionOf(given: ObjectOutput['compression']): ParquetCompression {
  return given === 'auto' ? 'snappy' : given;
}

/** A writer for an output of this name. Throws CONFIG_INVALID. */
export function outputWriter(
  { csvSettings: csv }: JobDescription,
  output: ObjectOutput,
  name: string,
  { clock }: FormatPorts,
): ObjectWriter {
  const format = outputFormat(output, name);
  const { compression: given } = output;
  const named = given === 'auto' ? compressionOf(name) : given;
  if (format === 'parquet') {
    // It is packed within: what a name says of the whole cannot be, and the format refuses it.
    const parquetCompression = parquetCompressionOf(given);
    const whole = given === 'auto' ? compressionOf(name) : 'none';
    return createWriter(format, { csv, parquetCompression }, whole, { clock });
  }
  if (named === 'snappy') {
    throw new SluiceError(
      'CONFIG_INVALID',
      `outputSettings.compression: snappy is for Parquet, and ${name} is ${format}.`,
    );
  }
  return createWriter(format, { csv }, named, { clock });
}
