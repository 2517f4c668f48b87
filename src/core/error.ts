import { type ErrorCode, errorTable } from './error-table.ts';
import type { Json } from './json.ts';

/** How much an error spoils: the row alone, its batch, the connection (others may work), or the whole job. */
export type ErrorScope = 'row' | 'batch' | 'connection' | 'job';

/** Facts that a thrower adds to a code. Never a secret, never a whole request body. */
export interface ErrorFacts {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** How long the other side asked us to wait, in milliseconds. */
  readonly waitMs?: number;
  /** The row within its batch (0-based), where the server named one. */
  readonly row?: number;
  /** HTTP status, where there was one. */
  readonly status?: number;
  /** The identity of the job that an output is held for, where it is refused to another. */
  readonly held?: { readonly [part: string]: Json };
}

/**
 * The one error of Sluice. Callers look at its properties (`code`, `scope`, `retryable`, `waitMs`), never at its class
 * or text. Every code stands in `error-table.ts` and in docs/reference/errors.md; a test holds the two together.
 */
export class SluiceError extends Error {
  readonly code: ErrorCode;
  readonly scope: ErrorScope;
  readonly retryable: boolean;
  readonly waitMs: number | undefined;
  readonly row: number | undefined;
  readonly status: number | undefined;
  readonly held: ErrorFacts['held'];

  /** @param message what happened, where (file, line, field, row), and what to do about it; one or two sentences. */
  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    const entry = errorTable[code];
    this.name = 'SluiceError';
    this.code = code;
    this.scope = entry.scope;
    this.retryable = entry.retryable;
    this.waitMs = facts.waitMs;
    this.row = facts.row;
    this.status = facts.status;
    this.held = facts.held;
  }
}

/** What went wrong first: where giving something back failed as well, the error that led to it, which that one wraps. */
export function firstError(error: unknown): unknown {
  let first = error;
  while (first instanceof SuppressedError) first = first.suppressed;
  return first;
}

/** The SluiceError in an error's chain of causes, if there is one. */
export function findSluiceError(error: unknown): SluiceError | undefined {
  for (let at: unknown = firstError(error), depth = 0; at !== undefined && at !== null && depth < 16; depth += 1) {
    if (at instanceof SluiceError) return at;
    at = (at as { cause?: unknown }).cause;
  }
  return undefined;
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  const first = firstError(error);
  return first instanceof Error ? first.message : String(first);
}
