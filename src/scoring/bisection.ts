import { findSluiceError, SluiceError } from '../core/error.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { RowFailure, Scorer, Scores } from '../core/scorer.ts';
import { allFailed, mergeScores } from './merge-scores.ts';
import type { ServerHealth } from './server-health.ts';
import type { SizeLimit } from './size-limit.ts';

/**
 * How many rows are tried by themselves while no good row is known. A tenth of bad rows spoils every half of the first
 * batches, and the server would seem to fail on everything.
 */
const SAMPLES = 8;

/** A failed row's reason is cut to this many characters. */
const REASON_CHARACTERS = 1000;

export interface BisectionOptions {
  /** False: a batch with a bad row fails as a whole, all its rows become dead letters. */
  readonly enabled: boolean;
  /** Must note the successes of `scorer`: they tell a bad row from a server that fails on everything. */
  readonly health: ServerHealth;
  /** What is known of the sizes that the server takes; of the whole job. */
  readonly limit: SizeLimit;
}

/**
 * Splits what the server cannot take as a whole, so that the bad rows alone fail, as data of the outcome: batches with
 * a rejected row, batches that are too large, and batches on which the server fails with 500. For k bad rows of n at
 * most 2k·log2(n)+1 more requests, one after another; not counted are one more for a batch of a single row that meets a
 * 500, and up to eight single rows after a 500 while nothing was ever scored.
 *
 * A 500 is a row's fault only if it comes back after the server has scored something else; a known good row is sent to
 * find out, where nothing else was. If that fails too it is SERVER_OVERLOADED: the whole batch can be tried again later.
 */
export function withBisection(scorer: Scorer, options: BisectionOptions): Scorer {
  const score = (batch: RowBatch, signal: AbortSignal): Promise<Scores> =>
    new Splitting(scorer, options, batch, signal).run();
  return {
    describe: (signal) => scorer.describe(signal),
    score,
    close: () => scorer.close(),
    [Symbol.asyncDispose]: () => scorer.close(),
  };
}

/** Rows `from` to `to` (exclusive) of the batch, and how many requests that held them have failed. */
interface Range {
  readonly from: number;
  readonly to: number;
  readonly failed: number;
}

/** A request that failed, and how many successes the job had then: a later one shows that the server works. */
interface Refusal {
  readonly error: SluiceError;
  readonly successes: number;
}

type Answer = Scores | Refusal;

function isRefusal(answer: Answer): answer is Refusal {
  return 'error' in answer;
}

/** The work on one batch. */
class Splitting {
  readonly #scorer: Scorer;
  readonly #options: BisectionOptions;
  readonly #batch: RowBatch;
  readonly #signal: AbortSignal;

  constructor(scorer: Scorer, options: BisectionOptions, batch: RowBatch, signal: AbortSignal) {
    this.#scorer = scorer;
    this.#options = options;
    this.#batch = batch;
    this.#signal = signal;
  }

  run(): Promise<Scores> {
    return this.#range({ from: 0, to: this.#batch.rows, failed: 0 });
  }

  /** Scores a range, cut beforehand into pieces that are small enough, as far as is known. */
  async #range(range: Range): Promise<Scores> {
    const cuts = this.#options.limit.cuts(this.#batch, range.from, range.to);
    const parts: Scores[] = [];
    let from = range.from;
    for (const to of [...cuts, range.to]) {
      const piece = { ...range, from, to };
      const answer = await this.#ask(piece);
      parts.push(await this.#settle(piece, answer));
      from = to;
    }
    return mergeScores(parts);
  }

  /** One request. Errors that splitting cannot cure are thrown. */
  async #ask({ from, to, failed }: Range): Promise<Answer> {
    const whole = from === 0 && to === this.#batch.rows;
    try {
      const scores = await this.#scorer.score(whole ? this.#batch : this.#batch.slice(from, to), this.#signal);
      if (failed === 0 || scores.failures.length === 0) return scores;
      return { ...scores, failures: scores.failures.map((f) => ({ ...f, attempts: f.attempts + failed })) };
    } catch (error) {
      const fault = findSluiceError(error);
      const splits =
        fault?.code === 'ROW_REJECTED' || fault?.code === 'SERVER_FAULT' || fault?.code === 'REQUEST_TOO_LARGE';
      if (this.#signal.aborted || fault === undefined || !splits) throw error;
      return { error: fault, successes: this.#options.health.successes };
    }
  }

  /** The outcomes of a range whose request was answered so. */
  async #settle(range: Range, answer: Answer): Promise<Scores> {
    if (!isRefusal(answer)) return answer;
    const { from, to } = range;
    const { error } = answer;
    const failed = range.failed + 1;
    if (error.code === 'REQUEST_TOO_LARGE') {
      this.#options.limit.refused(bytesOf(this.#batch, from, to));
      if (to - from === 1) return this.#giveUp(range, answer);
      const middle = (from + to) >> 1;
      return mergeScores([
        await this.#range({ from, to: middle, failed }),
        await this.#range({ from: middle, to, failed }),
      ]);
    }
    if (to - from === 1 || !this.#options.enabled) return this.#last(range, answer);
    if (error.row !== undefined) return this.#cutOut({ from, to, failed }, from + error.row);
    return this.#halve({ from, to, failed }, answer);
  }

  /**
   * A single row, or rows that must not be split, fail. After a 500 only if it comes back after the server has scored
   * something else: then neither one stray 500 nor one outage makes a good row a dead letter.
   */
  async #last(range: Range, refusal: Refusal): Promise<Scores> {
    if (!isFault(refusal)) return this.#giveUp(range, refusal);
    await this.#prove(refusal);
    const again = { ...range, failed: range.failed + 1 };
    const answer = await this.#ask(again);
    return isRefusal(answer) ? this.#giveUp(again, answer) : answer;
  }

  /**
   * The row that the server names, by itself: its own outcome counts, not the name, as servers may count from 1 or
   * count lines. If it is good the range is halved instead.
   */
  async #cutOut(range: Range, row: number): Promise<Scores> {
    const single = { ...range, from: row, to: row + 1 };
    const answer = await this.#ask(single);
    const good = !isRefusal(answer) && answer.failures.length === 0;
    if (good && range.to - range.from > 2) return await this.#halve(range, null);
    const parts: Scores[] = [];
    if (range.from < row) parts.push(await this.#range({ ...range, to: row }));
    parts.push(await this.#settle(single, answer));
    if (row + 1 < range.to) parts.push(await this.#range({ ...range, from: row + 1 }));
    return mergeScores(parts);
  }

  /**
   * The left half is asked; if it is good, the bad row is in the right one, which is split without asking. That, and
   * the smaller half on the left, keeps the number of requests within its bound for every n.
   * @param refusal of the whole range; null where that says nothing about its parts.
   */
  async #halve(range: Range, refusal: Refusal | null): Promise<Scores> {
    const before = this.#options.health.successes;
    const middle = (range.from + range.to) >> 1;
    const left = { ...range, to: middle };
    const right = { ...range, from: middle };
    const leftAnswer = await this.#ask(left);
    if (refusal !== null && !isRefusal(leftAnswer) && leftAnswer.failures.length === 0) {
      if (range.to - middle > 1) return mergeScores([leftAnswer, await this.#halve(right, refusal)]);
      if (isFault(refusal)) {
        return mergeScores([leftAnswer, await this.#last({ ...right, failed: range.failed - 1 }, refusal)]);
      }
    }
    const rightAnswer = await this.#ask(right);
    if (isFault(leftAnswer) && isFault(rightAnswer)) {
      // Many bad rows, or a server that fails on everything? Find out before asking for ever smaller parts.
      await this.#prove({ error: rightAnswer.error, successes: before });
    }
    return mergeScores([await this.#settle(left, leftAnswer), await this.#settle(right, rightAnswer)]);
  }

  /** The rows of a range fail, with the reason that the server gave. */
  #giveUp({ from, to, failed }: Range, refusal: Refusal): Scores {
    const reason = refusal.error.message.slice(0, REASON_CHARACTERS);
    return allFailed(
      Array.from({ length: to - from }, (_, row): RowFailure => ({ row, reason, attempts: failed + 1 })),
    );
  }

  /**
   * Returns if the server has scored something since the refusal; else a row must pass that it has scored before, or,
   * at the start of a job, one of a few rows from all over the batch.
   */
  async #prove({ error, successes }: Refusal): Promise<void> {
    const { health } = this.#options;
    if (health.successes > successes) return;
    const good = health.goodRow;
    for (const row of good === null ? this.#samples() : [good]) {
      try {
        await this.#scorer.score(row, this.#signal);
        if (health.successes > successes) return;
      } catch (probe) {
        const code = findSluiceError(probe)?.code;
        if (this.#signal.aborted) throw probe;
        // It refuses the row itself, and so does not fail on everything.
        if (code === 'ROW_REJECTED') return;
        if (code !== 'SERVER_FAULT') throw probe;
      }
    }
    throw new SluiceError('SERVER_OVERLOADED', `The prediction server fails on every request. ${error.message}`, {
      cause: error,
    });
  }

  /** Single rows, evenly spread; none for a batch of one, whose row has been asked for by itself. */
  #samples(): readonly RowBatch[] {
    const { rows } = this.#batch;
    const count = rows === 1 ? 0 : Math.min(rows, SAMPLES);
    return Array.from({ length: count }, (_, i) => {
      const row = Math.floor((i * rows) / count);
      return this.#batch.slice(row, row + 1);
    });
  }
}

function isFault(answer: Answer): answer is Refusal {
  return isRefusal(answer) && answer.error.code === 'SERVER_FAULT';
}

function bytesOf(batch: RowBatch, from: number, to: number): number {
  return batch.ends[to - 1]! - batch.start(from);
}
