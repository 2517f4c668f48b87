import { type Schema, sameColumns } from '../../core/schema.ts';
import { type ChooseOptions, chooseBaseline } from './choose-baseline.ts';
import { Perturbation } from './perturbation.ts';

/** A topic may have any number of forms of messages: those that came last are kept. */
const MOST_KEPT = 16;

interface Kept {
  readonly schema: Schema;
  /** Of the caller that asked first: if it leaves, the others ask themselves. */
  readonly signal: AbortSignal;
  readonly perturbation: Promise<Perturbation>;
}

/** How the rows of each schema are perturbed; a job has one, messages of a topic may change their columns. */
export class PerturbationSlot {
  readonly #options: ChooseOptions;
  #kept: readonly Kept[] = [];

  constructor(options: ChooseOptions) {
    this.#options = options;
  }

  /** The first call for a schema asks the server; those that come meanwhile wait for it. */
  async for(schema: Schema, signal: AbortSignal): Promise<Perturbation> {
    for (;;) {
      const kept = this.#kept.find((one) => sameColumns(one.schema, schema)) ?? this.#begin(schema, signal);
      try {
        return await unlessAborted(kept.perturbation, signal);
      } catch (error) {
        this.#kept = this.#kept.filter((one) => one !== kept);
        if (signal.aborted || !kept.signal.aborted) throw error;
      }
    }
  }

  #begin(schema: Schema, signal: AbortSignal): Kept {
    const perturbation = chooseBaseline(schema, this.#options, signal).then(
      (chosen) => new Perturbation(schema, this.#options.sample, chosen),
    );
    const kept = { schema, signal, perturbation };
    this.#kept = [kept, ...this.#kept].slice(0, MOST_KEPT);
    return kept;
  }
}

/** Rejects with the signal's reason as soon as it aborts. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const leaving = Promise.withResolvers<never>();
  const leave = (): void => leaving.reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  try {
    return await Promise.race([promise, leaving.promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
