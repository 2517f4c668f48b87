import type { OutputFormat } from '../core/output-format.ts';
import { type Schema, sameColumns } from '../core/schema.ts';

/**
 * The output formats of a run, each made once, when the first batch of its intake columns is seen; shared by the partitions of
 * the score stage and by deliver. A job has one; messages of a topic may change their columns on the way.
 */
export class OutputFormatSlot {
  readonly #make: (intake: Schema) => OutputFormat;
  readonly #formats: { readonly intake: Schema; readonly format: OutputFormat }[] = [];

  constructor(make: (intake: Schema) => OutputFormat) {
    this.#make = make;
  }

  /** The format for these intake columns; the first call makes it, and throws when the settings do not fit the columns. */
  for(intake: Schema): OutputFormat {
    const known = this.#formats.find((entry) => sameColumns(entry.intake, intake));
    if (known !== undefined) return known.format;
    const format = this.#make(intake);
    this.#formats.unshift({ intake, format });
    return format;
  }
}
