import { SluiceError } from '../core/error.ts';
import type { OutputFormat } from '../core/output-format.ts';
import type { Schema } from '../core/schema.ts';

/**
 * The output format of a run, made once, when the first batch shows the intake's columns; shared by the partitions of the
 * score stage and by deliver.
 */
export class OutputFormatSlot {
  readonly #make: (intake: Schema) => OutputFormat;
  #format: OutputFormat | undefined;

  constructor(make: (intake: Schema) => OutputFormat) {
    this.#make = make;
  }

  /** The format for these intake columns; the first call makes it, and throws when the settings do not fit the columns. */
  for(intake: Schema): OutputFormat {
    this.#format ??= this.#make(intake);
    return this.#format;
  }

  /** The format, once a batch was seen. */
  get current(): OutputFormat {
    if (this.#format === undefined)
      throw new SluiceError('CONTRACT_BROKEN', 'rows are delivered before any was scored');
    return this.#format;
  }
}
