import { findSluiceError } from '../../core/error.ts';

/**
 * Does all of several outputs of one job: one that cannot be completed does not keep the others from it. Then throws OUTPUT_UNWRITABLE with the
 * first of those, if there was one; whatever else happens to one is thrown at once.
 */
export async function eachByItself<T>(outputs: readonly T[], complete: (output: T) => Promise<void>): Promise<void> {
  const refused: unknown[] = [];
  for (const output of outputs) {
    try {
      await complete(output);
    } catch (error) {
      if (findSluiceError(error)?.code !== 'OUTPUT_UNWRITABLE') throw error;
      refused.push(error);
    }
  }
  if (refused.length > 0) throw refused[0];
}
