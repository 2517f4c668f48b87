import type { Clock } from '../../../core/clock.ts';
import type { Envelope } from '../../../core/envelope.ts';
import { findSluiceError, messageOf } from '../../../core/error.ts';
import type { MessageReader, ReadMessages } from '../../../core/message-format.ts';

/** What a reader waits by. */
export interface Patience {
  readonly clock: Clock;
  /** Told the reason when it begins to wait or the reason changes, and null when it goes on. */
  readonly onWait: (reason: string | null) => void;
  /** Called before each new try, so that nobody takes the reader for dead. */
  readonly onTry: () => Promise<void>;
}

const FIRST_MS = 200;
const MOST_MS = 10_000;

/**
 * Reads messages, however long what it needs (a schema registry) is away. No message is lost by it: it rejects only with the
 * signal's reason, or with an error that waiting does not mend.
 */
export async function readPatiently(
  reader: MessageReader,
  messages: readonly Envelope[],
  patience: Patience,
  signal: AbortSignal,
): Promise<ReadMessages> {
  const { clock, onWait, onTry } = patience;
  let reason: string | null = null;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const read = await reader.read(messages, signal);
      if (reason !== null) onWait(null);
      return read;
    } catch (error) {
      signal.throwIfAborted();
      const fault = findSluiceError(error);
      if (fault?.retryable !== true) throw error;
      if (reason !== messageOf(fault)) {
        reason = messageOf(fault);
        onWait(reason);
      }
      const backOff = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
      await clock.sleep(Math.max(fault.waitMs ?? 0, backOff * (0.5 + clock.random() / 2)), signal);
      await onTry();
    }
  }
}
