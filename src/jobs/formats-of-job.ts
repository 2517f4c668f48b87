import { type Compression, compressionOf } from '../codecs/compression.ts';
import { createReaders, type ObjectReaders, outputFormatOf } from '../codecs/formats.ts';
import type { FormatName, FormatPorts } from '../codecs/object-format.ts';
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
  readonly compression: Compression | 'auto';
}

/** Readers for the objects of an intake. Throws CONFIG_INVALID. */
export function intakeReaders(
  { csvSettings: csv }: JobDescription,
  { format, jsonPath, columns }: ObjectIntake,
  { clock }: FormatPorts,
): ObjectReaders {
  return createReaders({ format, csv, jsonPath, columns }, { clock });
}

/** What an output of this name holds. */
export function outputFormat({ format }: ObjectOutput, name: string): FormatName {
  return outputFormatOf(format, name);
}

/** How an output of this name is packed. */
export function outputCompression({ compression }: ObjectOutput, name: string): Compression {
  return compression === 'auto' ? compressionOf(name) : compression;
}
