import { columnNames, type Schema } from '../../core/schema.ts';
import { SharedWork } from '../../core/shared-work.ts';
import { type ChooseOptions, chooseBaseline } from './choose-baseline.ts';
import { Perturbation } from './perturbation.ts';

/** How the rows of each schema are perturbed; a job has one, messages of a topic may change their columns. */
export class PerturbationSlot {
  readonly #options: ChooseOptions;
  readonly #known = new SharedWork<Perturbation>(() => true);

  constructor(options: ChooseOptions) {
    this.#options = options;
  }

  /** The first call for a schema asks the server; those that come meanwhile wait for it. */
  async for(schema: Schema, signal: AbortSignal): Promise<Perturbation> {
    const choose = async (working: AbortSignal): Promise<Perturbation> => {
      const chosen = await chooseBaseline(schema, this.#options, working);
      return new Perturbation(schema, this.#options.sample, chosen);
    };
    return await this.#known.get(JSON.stringify(columnNames(schema)), choose, signal);
  }
}
