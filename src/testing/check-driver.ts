import type { ErrorCode } from '../core/error-table.ts';
import type { Sink } from '../core/sink.ts';
import type { Source } from '../core/source.ts';

/** A source or sink that points to the wrong place, or has no right there. */
export interface ConnectorFault {
  /** A source or sink with the fault. Closed by the kit. */
  readonly part: () => Source | Sink;
  /** What `check` must reject with. */
  readonly code: ErrorCode;
  /** What its message must say: the name of what is wrong, and what to do. */
  readonly says: RegExp;
}

/** What the kit needs to try `check`. */
export interface CheckDriver {
  /** A source or sink with nothing wrong. */
  readonly sound: () => Source | Sink;
  /** By what is wrong: `a wrong address`, `a wrong password`, `a missing object`, whatever the system knows of them. At least one. */
  readonly faults: Readonly<Record<string, ConnectorFault>>;
  /** Passwords, tokens and keys that the parts above are made with; they may be in no message. */
  readonly secrets: readonly string[];
  /** All that is in the place, by name and content: the same before and after a check. */
  readonly contents: () => Promise<readonly string[]>;
  /** Frees what the driver made. */
  close(): Promise<void>;
}
