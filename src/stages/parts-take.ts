import { findSluiceError, messageOf } from '../core/error.ts';
import { partIdentity, throughOfPart } from './parts-manifest.ts';
import type { PartsOptions } from './parts-options.ts';
import { Part } from './parts-part.ts';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

/**
 * Takes a split from an offset on: follows the parts that are published already (their offsets need not have been committed),
 * and opens the one behind them. While somebody else holds it, who was replaced and has not noticed, waits: he either publishes
 * it, and it is followed, or lets go of it, and it is continued.
 */
export async function takePart(
  options: PartsOptions,
  split: string,
  offset: number,
  signal: AbortSignal,
): Promise<Part> {
  let from = offset;
  let refused: number | null = null;
  for (let attempt = 0; ; ) {
    signal.throwIfAborted();
    const published = await options.publishedJob(split, from, signal);
    const through = published === null ? null : throughOfPart(published, partIdentity(options.job, split, from));
    if (through !== null) {
      from = through;
      attempt = 0;
      continue;
    }
    try {
      return await Part.open(options, split, from, signal);
    } catch (error) {
      const code = findSluiceError(error)?.code;
      // It was published after it was asked for, or by being opened: ask again, once.
      if (code === 'OUTPUT_EXISTS' && refused !== from) refused = from;
      else if (code === 'OUTPUT_LOCKED') {
        const longest = Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS);
        const ms = longest * (0.5 + options.clock.random() / 2);
        attempt += 1;
        options.onWait?.({ split, from, ms, reason: messageOf(error) });
        await options.clock.sleep(ms, signal);
      } else throw error;
    }
  }
}
