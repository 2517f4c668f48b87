import type { Clock } from '../../../../core/clock.ts';
import { findSluiceError, type SluiceError } from '../../../../core/error.ts';
import { type BrokerFault, errorOfFault } from './broker-fault.ts';
import { isAborted, until } from './until.ts';

/** What repeated attempts need to know of a client. */
export interface AttemptPorts {
  readonly clock: Clock;
  /** Milliseconds for which failures are borne. */
  readonly retryMs: number;
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal;
  /** Reads what the library threw. */
  readonly faultOf: (error: unknown) => BrokerFault;
  /** Forgets who leads and coordinates, so that the next try asks again. */
  readonly forget: () => void;
}

/** Of one task. */
export interface AttemptOptions {
  readonly onFault?: (fault: BrokerFault) => void;
  readonly retryMs?: number;
  /** Whether a failure that is for good elsewhere is worth another try here. */
  readonly bears?: (fault: BrokerFault) => boolean;
}

/** A topic that was just made is not known to every broker at once; for so long its absence is not believed. */
const unknownTopicMs = 3_000;
/** Answers of the right broker, which only needs time. */
const stays = new Set([
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'OFFSET_NOT_AVAILABLE',
  'THROTTLING_QUOTA_EXCEEDED',
]);
const firstDelayMs = 1;
const longestDelayMs = 1_000;

/** Does things on brokers that may be away for a while. */
export class Attempts {
  readonly #ports: AttemptPorts;

  constructor(ports: AttemptPorts) {
    this.#ports = ports;
  }

  /**
   * Does `work` until it succeeds, fails for good, or has failed for `retryMs`. It is done again from the start, so it looks up
   * leaders and coordinators itself.
   */
  async run<T>(
    what: string,
    signal: AbortSignal,
    work: () => Promise<T>,
    { onFault, retryMs = this.#ports.retryMs, bears }: AttemptOptions = {},
  ): Promise<T> {
    const { clock, closed, faultOf, forget } = this.#ports;
    let since: number | null = null;
    for (let tries = 0; ; tries += 1) {
      try {
        return await until(signal, work());
      } catch (error) {
        if (isAborted(signal)) throw signal.reason;
        if (closed.aborted) throw closed.reason;
        const fault = faultOf(error);
        onFault?.(fault);
        if (fault.kind === 'final' && bears?.(fault) !== true) throw this.error(what, error);
        since ??= clock.now();
        const patience = fault.code === 'KAFKA_TOPIC_MISSING' ? Math.min(unknownTopicMs, retryMs) : retryMs;
        if (clock.now() - since >= patience) throw this.error(what, error);
        if (fault.name === null || !stays.has(fault.name)) forget();
        const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(tries, 16));
        await clock.sleep(delay * (0.5 + clock.random() / 2), signal);
      }
    }
  }

  /** The SluiceError for a failed attempt to do `what`. */
  error(what: string, error: unknown): SluiceError {
    return findSluiceError(error) ?? errorOfFault(what, this.#ports.faultOf(error), error);
  }
}
