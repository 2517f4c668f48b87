import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { SluiceError } from '../../src/core/error.ts';
import type { RowBatch } from '../../src/core/row-batch.ts';
import type { Scorer, Scores } from '../../src/core/scorer.ts';

export type ReplicaModel = 'a' | 'b';

/** What a row of a model is predicted: each has its own, so that a prediction tells who made it. */
export function predictionOf(model: ReplicaModel, id: number): number {
  return model === 'a' ? 2 * id : 3 * id + 1;
}

export interface ReplicaSet {
  /** The model that answers a request, by its number from 0; counted over all who share the set. */
  readonly modelOf: (request: number) => ReplicaModel;
  /** Requests that hold a row whose id makes this true are refused as a whole. */
  readonly bad: (id: number) => boolean;
  /** Whether it says beforehand which model it has, and then which. */
  readonly describes: ReplicaModel | null;
}

/** Prediction servers behind one address, in memory. The scorers of one set count their requests together. */
export function replicaSet({ modelOf, bad, describes }: ReplicaSet): { readonly requests: number; scorer(): Scorer } {
  let requests = 0;
  const score = async (batch: RowBatch): Promise<Scores> => {
    const model = modelOf(requests);
    requests += 1;
    const ids = batch.records().map(([id]) => Number(id));
    const refused = ids.find(bad);
    if (refused !== undefined) throw new SluiceError('ROW_REJECTED', `id ${refused} is bad`);
    return {
      rows: ids.length,
      columns: [{ name: 'p', role: { kind: 'prediction' } }],
      ...encodeRecords(ids.map((id) => [predictionOf(model, id)])),
      failures: [],
      model: { id: model },
    };
  };
  return {
    get requests() {
      return requests;
    },
    scorer: () => ({
      describe: async () => (describes === null ? {} : { model: { id: describes } }),
      score,
      close: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    }),
  };
}
