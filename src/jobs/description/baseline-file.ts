import * as z from 'zod';
import { SluiceError } from '../../core/error.ts';
import type { Baseline } from '../../monitoring/baseline.ts';

const count = z.int().min(0);
const values = z.strictObject({ count, values: z.array(z.tuple([z.number(), z.string(), count])) });
const statistics = z.strictObject({
  name: z.string(),
  missing: count,
  numbers: z
    .strictObject({
      count,
      min: z.number(),
      max: z.number(),
      mean: z.number(),
      squares: z.number().nullable(),
      histogram: z.strictObject({ exponent: z.int(), first: z.number(), counts: z.array(count) }).nullable(),
    })
    .nullable(),
  texts: values,
  bins: z.array(count).nullable(),
});
const column = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('number'), edges: z.array(z.number()).max(255), statistics }),
    z.strictObject({
      kind: z.literal('category'),
      categories: z.array(z.string()),
      others: z.array(z.string()),
      isComplete: z.boolean(),
      statistics,
    }),
    z.strictObject({ kind: z.literal('untracked'), statistics }),
  ])
  .refine((found) => (found.statistics.bins?.length ?? 0) === binsOf(found), { error: 'has other bins than counts' })
  .refine(isAscending, { error: 'has edges that do not ascend' });

const baselineSchema = z.strictObject({
  version: z.literal(1),
  source: z.string(),
  created: z.string(),
  rows: count,
  features: z.array(column),
  predictions: z.array(column),
});

type Column = { readonly kind: string; readonly edges?: readonly number[]; readonly categories?: readonly string[] };

function binsOf({ edges, categories }: Column): number {
  if (edges !== undefined) return edges.length + 1;
  return categories === undefined ? 0 : categories.length + 2;
}

function isAscending({ edges = [] }: Column): boolean {
  return edges.every((edge, i) => i === 0 || edge > edges[i - 1]!);
}

/**
 * A baseline from the text of its file. Throws CONFIG_INVALID.
 * @param place for the message: which field names the file, and the file.
 */
export function parseBaseline(text: string, place: string): Baseline {
  try {
    return baselineSchema.parse(JSON.parse(text));
  } catch (error) {
    const problem = error instanceof z.ZodError ? error.issues[0] : undefined;
    const what = problem === undefined ? 'no JSON' : `${problem.path.join('.') || 'the whole'}: ${problem.message}`;
    throw new SluiceError(
      'CONFIG_INVALID',
      `${place} is no baseline of this version (${what}); make one with \`sluice baseline\`.`,
      { cause: error },
    );
  }
}
