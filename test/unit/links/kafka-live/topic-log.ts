import type { Clock } from '../../../../src/core/clock.ts';
import type { Envelope } from '../../../../src/core/envelope.ts';
import type { MessageReader } from '../../../../src/core/message-format.ts';
import { schemaOf } from '../../../../src/core/schema.ts';
import type { AssignedPartition } from '../../../../src/links/kafka/client.ts';

/** One entry of a partition: a message's text, or a place that holds none (a marker, a compacted message). */
export type LogEntry = string | null;

/** A partition of a given content that gives as many messages at a time as it is told, to try a lease with. */
export class TopicLog {
  readonly committed: number[] = [];
  readonly revoking = new AbortController();
  readonly losing = new AbortController();
  /** When what is there was fetched, as far as the lease is told. */
  waitingSince: number | null = null;
  readonly #entries: LogEntry[];
  readonly #clock: Clock;
  readonly #counts: readonly number[];
  #turn = 0;
  #wake: () => void = () => undefined;

  /** @param counts messages that each poll gives at the most, in turn; 0: a poll that waits its time out, where it has one. */
  constructor(entries: readonly LogEntry[], clock: Clock, counts: readonly number[] = [1000]) {
    this.#entries = [...entries];
    this.#clock = clock;
    this.#counts = counts;
  }

  get end(): number {
    return this.#entries.length;
  }

  append(...entries: readonly LogEntry[]): void {
    this.#entries.push(...entries);
    this.#wake();
  }

  /** The partition as it is assigned to a reader that begins at `start`. */
  assigned(start = 0): AssignedPartition {
    const entries = this.#entries;
    const waitingSince = (): number | null => this.waitingSince;
    let position = start;
    const take = (count: number, maxBytes: number): readonly Envelope[] => {
      const found: Envelope[] = [];
      let bytes = 0;
      for (; position < entries.length && found.length < count; position += 1) {
        const text = entries[position];
        if (typeof text !== 'string') continue;
        if (found.length > 0 && bytes + text.length > maxBytes) break;
        bytes += text.length;
        found.push(envelope(position, text));
      }
      return found;
    };
    return {
      topic: 'input',
      partition: 3,
      revoked: this.revoking.signal,
      lost: this.losing.signal,
      start,
      get waitingSince() {
        return waitingSince();
      },
      get lag() {
        return entries.length - position;
      },
      get position() {
        return position;
      },
      seek: (offset) => {
        position = offset;
      },
      poll: (maxBytes, signal, waitMs) => this.#poll((count) => take(count, maxBytes), signal, waitMs),
      commit: async (offset) => {
        this.committed.push(offset);
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  async #poll(
    take: (count: number) => readonly Envelope[],
    signal: AbortSignal,
    waitMs: number | undefined,
  ): Promise<readonly Envelope[]> {
    const count = this.#counts[this.#turn % this.#counts.length]!;
    this.#turn += 1;
    for (;;) {
      AbortSignal.any([signal, this.revoking.signal]).throwIfAborted();
      const found = count === 0 && waitMs !== undefined ? [] : take(Math.max(1, count));
      if (found.length > 0) return found;
      if (waitMs === undefined) await this.#more(signal);
      else {
        if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
        return [];
      }
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wake = resolve;
      for (const each of [signal, this.revoking.signal])
        each.addEventListener('abort', () => reject(each.reason as Error), { once: true });
    });
  }
}

function envelope(offset: number, text: string): Envelope {
  return {
    topic: 'input',
    partition: 3,
    offset,
    timestamp: 1_000 + offset,
    key: null,
    headers: [],
    value: new TextEncoder().encode(text),
  };
}

/**
 * Reads `columns:value` as a row of so many columns (`2:x` is `x,x`), so that a schema follows from each message alone; all else is
 * unreadable.
 */
export function tinyReader(): MessageReader {
  return {
    read: async (messages) => {
      const runs: { columns: number; texts: string[]; messages: number[] }[] = [];
      const unreadable: { message: number; reason: string }[] = [];
      for (const [index, { value }] of messages.entries()) {
        const [, columns, text] = /^(\d):(\w*)$/.exec(new TextDecoder().decode(value ?? new Uint8Array(0))) ?? [];
        if (text === undefined) unreadable.push({ message: index, reason: 'no row' });
        else {
          let run = runs.at(-1);
          if (run?.columns !== Number(columns))
            runs.push((run = { columns: Number(columns), texts: [], messages: [] }));
          run.texts.push(`${Array.from({ length: run.columns }, () => text).join(',')}\n`);
          run.messages.push(index);
        }
      }
      return {
        runs: runs.map((run) => {
          let length = 0;
          return {
            schema: schemaOf(Array.from({ length: run.columns }, (_, index) => `c${index}`)),
            bytes: new TextEncoder().encode(run.texts.join('')),
            ends: Uint32Array.from(run.texts, (text) => (length += text.length)),
            messages: Uint32Array.from(run.messages),
          };
        }),
        unreadable,
      };
    },
  };
}
