import { SluiceError } from '../../core/error.ts';
import { type Finding, fails, ok } from './finding.ts';

/** How long one check may take, and what ends all of them. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The finding of one check: what it says when it works, or what it rejects with. Whatever does not answer in time fails. */
export async function looked(
  what: string,
  look: (signal: AbortSignal) => Promise<string>,
  patience: Patience,
): Promise<Finding> {
  try {
    return ok(what, await inTime(look, patience));
  } catch (error) {
    patience.signal.throwIfAborted();
    return fails(what, error);
  }
}

/** Not all that is asked listens to signals, so nothing is waited for longer than the signal says. */
export async function inTime<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { timeoutMs, signal: outer }: Patience,
): Promise<T> {
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([outer, limit]);
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => undefined);
  const giveUp = (): void =>
    late.reject(
      outer.aborted
        ? outer.reason
        : new SluiceError(
            'CHECK_FAILED',
            `no answer within ${timeoutMs / 1000} s; check the address and what stands between, or give more time with --timeout`,
          ),
    );
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([work(signal), late.promise]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
