import type { Clock } from '../core/clock.ts';
import { findSluiceError, SluiceError } from '../core/error.ts';
import type { Scorer } from '../core/scorer.ts';
import type { AccessGate } from './access-gate.ts';
import type { ServerHealth } from './server-health.ts';

export interface RetryPolicy {
  /** How long nothing but failures may come from the server, anywhere in the job, in milliseconds. Default 10 minutes. */
  readonly budgetMs?: number;
  /** The same for a server that cannot be reached and never worked in this run. Default 30 s. */
  readonly connectBudgetMs?: number;
  /** Whether a job that has scored rows waits when access is refused. Default true; one that has not, never waits. */
  readonly pauseOnAccess?: boolean;
  /** How long a paused job waits, in milliseconds. Default: for ever. */
  readonly accessBudgetMs?: number;
}

export interface RetryEvents {
  /** Before each wait for the server. */
  readonly onWait?: (wait: { readonly error: SluiceError; readonly ms: number }) => void;
  /** Access is refused, or the job's model is gone: the job waits until somebody corrects it. */
  readonly onPause?: (reason: SluiceError) => void;
  readonly onResume?: () => void;
}

export interface RetryOptions extends RetryPolicy, RetryEvents {
  readonly clock: Clock;
  /** Shared by all of a job: its time without success is one time, whichever partition it hits. */
  readonly health: ServerHealth;
  readonly gate: AccessGate;
  /** Whether a model that is not the job's is waited out as a refusal of access is, whenever it answers. */
  readonly waitsForModel: boolean;
  /** For messages: which deployment of which server. */
  readonly target: string;
}

const BUDGET_MS = 600_000;
const CONNECT_BUDGET_MS = 30_000;
const BACKOFF_MS = 200;
const BACKOFF_MAX_MS = 30_000;
const PROBE_MS = 1000;
const PROBE_MAX_MS = 30_000;

/**
 * Tries again while the server is overloaded, away, refuses access, or (if told so) has another model: the rows are kept, the batch stays as it is.
 * Waits as long as the server asks for, else exponentially with full jitter (0.2 s to 30 s), until the budget is
 * spent (RETRY_BUDGET_SPENT, which ends the job). Errors of rows, sizes and replies pass.
 */
export function withRetry(scorer: Scorer, options: RetryOptions): Scorer {
  return {
    describe: (signal) => tried(() => scorer.describe(signal), options, true, signal),
    score: (batch, signal) => tried(() => scorer.score(batch, signal), options, false, signal),
    close: () => scorer.close(),
    [Symbol.asyncDispose]: () => scorer.close(),
  };
}

/** @param describing then a 500 is no row's fault, and is waited out like an overload. */
async function tried<T>(
  call: () => Promise<T>,
  options: RetryOptions,
  describing: boolean,
  signal: AbortSignal,
): Promise<T> {
  const { clock, gate, health } = options;
  let pausedAt: number | null = null;
  const resume = (): void => {
    if (pausedAt === null) return;
    pausedAt = null;
    gate.open();
    options.onResume?.();
  };
  try {
    for (let attempt = 0, probes = 0; ; ) {
      if (pausedAt === null) await gate.pass(signal);
      try {
        const result = await call();
        resume();
        return result;
      } catch (error) {
        const fault = findSluiceError(error);
        if (signal.aborted || fault === undefined) throw error;
        if (pauses(fault)) {
          if (!isWaitedOut(fault, options)) throw error;
          // Somebody else asks already: wait for what it finds.
          if (pausedAt === null && gate.closed) continue;
          if (pausedAt === null) {
            gate.close();
            pausedAt = clock.now();
            options.onPause?.(fault);
          }
          const left = (options.accessBudgetMs ?? Infinity) - (clock.now() - pausedAt);
          if (left <= 0) throw spent(options, fault, options.accessBudgetMs ?? 0);
          await clock.sleep(Math.min(PROBE_MAX_MS, PROBE_MS * 2 ** probes, left), signal);
          probes += 1;
          continue;
        }
        resume();
        if (fault.scope === 'row' || fault.code === 'REQUEST_TOO_LARGE') health.answered();
        if (!isOutage(fault, describing)) throw error;
        await wait(options, fault, attempt, signal);
        attempt += 1;
      }
    }
  } finally {
    // Also when the wait was aborted: another caller may take over.
    if (pausedAt !== null) gate.open();
  }
}

/** What only somebody who corrects it can end. */
function pauses({ code }: SluiceError): boolean {
  return code === 'SERVER_ACCESS' || code === 'MODEL_CHANGED';
}

function isWaitedOut({ code }: SluiceError, { health, pauseOnAccess, waitsForModel }: RetryOptions): boolean {
  return code === 'MODEL_CHANGED' ? waitsForModel : pauseOnAccess !== false && health.successes > 0;
}

function isOutage(fault: SluiceError, describing: boolean): boolean {
  return (
    fault.code === 'SERVER_OVERLOADED' ||
    fault.code === 'SERVER_UNREACHABLE' ||
    (describing && fault.code === 'SERVER_FAULT')
  );
}

async function wait(options: RetryOptions, fault: SluiceError, attempt: number, signal: AbortSignal): Promise<void> {
  const { clock, health } = options;
  const failing = health.failed();
  const never = health.successes === 0 && fault.code === 'SERVER_UNREACHABLE';
  const budget = never ? (options.connectBudgetMs ?? CONNECT_BUDGET_MS) : (options.budgetMs ?? BUDGET_MS);
  if (failing >= budget) throw spent(options, fault, budget);
  // What the server asks for is a least; the jitter keeps the partitions from coming back all at once.
  const wish =
    fault.waitMs === undefined
      ? clock.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** attempt)
      : fault.waitMs * (1 + clock.random() / 4);
  const ms = Math.min(wish, budget - failing);
  options.onWait?.({ error: fault, ms });
  await clock.sleep(ms, signal);
}

function spent(options: RetryOptions, fault: SluiceError, budgetMs: number): SluiceError {
  const seconds = Math.round(budgetMs / 1000);
  const message =
    fault.code === 'SERVER_UNREACHABLE' && options.health.successes === 0
      ? `No connection to the prediction server (${options.target}) for ${seconds} s. ` +
        `Is it started, and is deployment.server its address? Last: ${fault.message}`
      : `The prediction server (${options.target}) did not recover within ${seconds} s. ` +
        `Run the same job again when it works: it continues. Last: ${fault.message}`;
  return new SluiceError('RETRY_BUDGET_SPENT', message, { cause: fault });
}
