import type { ObjectWriter } from '../../codecs/object-format.ts';
import { objectLetters } from '../../codecs/objects/object-letters.ts';
import { createObjectSink } from '../../codecs/objects/object-sink.ts';
import { readOutput } from '../../codecs/objects/output-rows.ts';
import { readManifest } from '../../codecs/objects/read-manifest.ts';
import { SluiceError } from '../../core/error.ts';
import type { Manifest } from '../../core/ledger.ts';
import type { ObjectStore, OutputLookup } from '../../core/object-store.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { Schema } from '../../core/schema.ts';
import { type DeadLetter, type KeptLetter, outputRows, type ScoredBatch } from '../../core/scored-batch.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { asSampled } from './as-it-ran.ts';
import { assertReplayable } from './assert-replayable.ts';
import { ReplayCounts } from './replay-counts.ts';
import type { ReplayOptions } from './replay-options.ts';
import type { ReplayReport } from './replay-report.ts';
import { type ReplayedLetter, ReplayScoring } from './replay-scoring.ts';

/** An output that is an object with a manifest beside it. */
export interface ReplayedObject {
  readonly store: ObjectStore & OutputLookup;
  readonly key: string;
  /** Made anew for every writing of it. */
  readonly writer: () => ObjectWriter;
}

const LIMITS = { rows: 5_000, bytes: 4 * 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };

/**
 * Scores the dead letters of a finished object again and writes the object anew beside itself: every row as it was, the rows that can be
 * scored now in the places of their blank ones, what fails still as its dead letters. It is published as any output is, all or nothing, so
 * a replay that dies has done nothing, or everything; one in which no row could be scored leaves all as it was.
 */
export async function replayObject(
  given: JobDescription,
  object: ReplayedObject,
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<ReplayReport> {
  const { store, key, writer } = object;
  const name = store.name(key);
  const sink = createObjectSink({ store, key, writer: writer(), overwrite: true });
  try {
    // Before the output is taken: whoever takes it throws away what an interrupted run has there.
    const before = await finishedManifest(object, signal);
    const job = asSampled(given, before);
    assertReplayable(job, before, name, options);
    await sink.open(before.job, signal);
    // The publication of a replay that died is completed now; what it wrote is what counts.
    const manifest = await finishedManifest(object, signal);
    if (manifest.tally.failed === 0) return new ReplayCounts(manifest).report(name, manifest);
    await using scoring = await ReplayScoring.open(
      job,
      manifest,
      { ...options, isPlaced: ({ output }) => output !== null },
      signal,
    );
    const letters = objectLetters(store, key).read(signal);
    const rewriting = new Rewriting(manifest, scoring.score(letters, signal));
    const { counts } = rewriting;
    if (!(await rewriting.findScored())) {
      await rewriting.countRest();
      return counts.report(name, manifest);
    }
    let sequence = 0;
    let schema: Schema = { columns: [] };
    for await (const batch of readOutput(store, key, manifest, LIMITS, signal)) {
      // Text of JSON does not tell numbers from what looks like one; the columns do, as they did when it was written.
      schema = isJson(manifest) ? scoring.schema! : batch.schema;
      await sink.write(await rewriting.rewritten(batch, sequence), schema, signal);
      sequence += 1;
    }
    await rewriting.end(name);
    const { monitoring } = scoring;
    monitoring.commit();
    const facts = counts.facts(options.clock, monitoring.statistics);
    return counts.report(name, await sink.publish(facts, schema, signal));
  } finally {
    await sink.close();
  }
}

function isJson({ job }: Manifest): boolean {
  return job['outputFormat'] === 'json' || job['outputFormat'] === 'jsonl';
}

/** Throws what stands in the way: no output, an unfinished one, an interrupted run that is to replace it, no manifest. */
async function finishedManifest({ store, key }: ReplayedObject, signal: AbortSignal): Promise<Manifest> {
  const { isThere, run, manifest: manifestKey } = await store.look(key, signal);
  const name = store.name(key);
  const isInTheWay = run !== null && run.state !== 'publishing' && (run.isDurable || !isThere);
  if (!isThere || isInTheWay) {
    const says = run === null ? `There is no output ${name}. Run the job first.` : run.says;
    throw new SluiceError('OUTPUT_UNWRITABLE', `${says} A replay completes outputs that are finished.`);
  }
  const manifest = await readManifest(store, manifestKey, signal);
  if (manifest !== null) return manifest;
  throw new SluiceError('LEDGER_BROKEN', `${store.name(manifestKey)} is no manifest of this version of Sluice.`);
}

/** Puts the outcomes of letters into the rows of an output, batch by batch, in one pass over both. */
class Rewriting {
  readonly counts: ReplayCounts;
  readonly #manifest: Manifest;
  readonly #outcomes: AsyncGenerator<ReplayedLetter, void>;
  /** Outcomes that were looked at already. */
  #ahead: ReplayedLetter[] = [];
  #row = 0;

  constructor(manifest: Manifest, outcomes: AsyncGenerator<ReplayedLetter, void>) {
    this.#manifest = manifest;
    this.#outcomes = outcomes;
    this.counts = new ReplayCounts(manifest);
  }

  /** The rows of a batch as they are now, with the letters that are left of them. */
  async rewritten(batch: RowBatch, sequence: number): Promise<ScoredBatch> {
    const first = this.#row;
    this.#row += batch.rows;
    const replaced = new Map<number, Uint8Array>();
    const left: DeadLetter[] = [];
    for (let outcome = await this.#peek(); outcome !== null; outcome = await this.#peek()) {
      const { letter, scored, blank } = outcome;
      if (letter.output !== null && letter.output >= this.#row) break;
      this.#ahead.shift();
      const index = letter.output === null ? null : letter.output - first;
      if (index !== null && (index < 0 || replaced.has(index))) throw misplaced(letter);
      this.counts.add(outcome);
      const row = scored ?? blank;
      if (index !== null && row !== null) replaced.set(index, row);
      if (scored === null) left.push({ ...letter, ...(index === null ? {} : { index }) });
    }
    const failed = left.filter(({ kind }) => kind === 'failed').length;
    const skipped = left.length - failed;
    return {
      sequence,
      through: { split: batch.origin.split, after: batch.origin.position },
      intake: { columns: [] },
      output: { schema: batch.schema, ...withRows(batch, replaced) },
      tally: { read: batch.rows + skipped, scored: batch.rows - failed, failed, skipped },
      deadLetters: left,
      intakeBytes: 0,
      badBytes: 0,
      model: null,
    };
  }

  /** Every row and every letter was there. Throws VERIFY_FAILED when the output is not as its manifest says. */
  async end(name: string): Promise<void> {
    const { tally } = this.#manifest;
    const outcome = await this.#peek();
    if (outcome !== null) throw misplaced(outcome.letter);
    if (this.#row === outputRows(tally) && this.counts.letters === tally.failed + tally.skipped) return;
    throw new SluiceError(
      'VERIFY_FAILED',
      `${name} has ${this.#row} rows and ${this.counts.letters} dead letters, where its manifest says ${outputRows(tally)} and ` +
        `${tally.failed + tally.skipped}; it was changed. Nothing was written.`,
    );
  }

  /** Whether any row can be scored now: otherwise there is nothing to write. */
  async findScored(): Promise<boolean> {
    for (let last = await this.#lookAhead(); last !== null; last = await this.#lookAhead())
      if (last.scored !== null) return true;
    return false;
  }

  /** Counts what is left, of an output that stays as it is. */
  async countRest(): Promise<void> {
    for (let next = await this.#peek(); next !== null; next = await this.#peek()) {
      this.counts.add(next);
      this.#ahead.shift();
    }
  }

  async #lookAhead(): Promise<ReplayedLetter | null> {
    const next = await this.#outcomes.next();
    if (next.done === true) return null;
    this.#ahead.push(next.value);
    return next.value;
  }

  async #peek(): Promise<ReplayedLetter | null> {
    if (this.#ahead.length === 0) await this.#lookAhead();
    return this.#ahead[0] ?? null;
  }
}

function misplaced({ output, split, row }: KeptLetter): SluiceError {
  return new SluiceError(
    'LEDGER_BROKEN',
    `The dead letter of row ${row} of ${split} belongs to row ${output} of the output, which is not there or has another already; ` +
      'the dead letters were changed. Nothing was written.',
  );
}

/** The rows of a batch, some of them replaced. */
function withRows(
  batch: RowBatch,
  replaced: ReadonlyMap<number, Uint8Array>,
): { readonly bytes: Uint8Array; readonly ends: Uint32Array } {
  const { bytes, ends } = batch;
  if (replaced.size === 0) return { bytes, ends };
  const pieces: Uint8Array[] = [];
  const moved = new Uint32Array(batch.rows);
  let at = 0;
  for (let row = 0; row < batch.rows; row += 1) {
    const piece = replaced.get(row) ?? batch.row(row);
    pieces.push(piece);
    at += piece.length;
    moved[row] = at;
  }
  return { bytes: Buffer.concat(pieces, at), ends: moved };
}
