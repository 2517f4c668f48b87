import { Duplex, PassThrough } from 'node:stream';
import { createWriter, csvReaders } from '../codecs/formats.ts';
import { byteFormat, createStreamSink } from '../codecs/streams/stream-sink.ts';
import { createStreamSource } from '../codecs/streams/stream-source.ts';
import type { DeadLetter } from '../core/scored-batch.ts';
import type { JobInput } from './description/job-description.ts';
import { type JobDescription, resolveJob } from './description/parse-job.ts';
import { startJob } from './run-job.ts';
import type { Endpoints } from './run-job-options.ts';

/** The settings of a job but for its two ends, which are the stream's. */
export type ScoreOptions = Omit<JobInput, 'intakeSettings' | 'outputSettings'> & {
  /** Takes rows that could not be scored, in order, a batch at a time; the stream waits for it. */
  readonly onDeadLetters?: (letters: readonly DeadLetter[]) => Promise<void>;
};

/** How many bytes each end holds before it makes the other side wait. */
const HIGH_WATER_BYTES = 256 * 1024;

/**
 * A Duplex for `pipeline()`: CSV with a header goes in, scored CSV with a header comes out, in order, with the settings of
 * a job. It works while the input still comes, and is bounded in memory on both sides. It fails with a SluiceError; what came
 * out until then is not complete. Throws CONFIG_INVALID at once.
 */
export function score(options: ScoreOptions): Duplex {
  return streamOf(
    options,
    { objectMode: false, highWaterMark: HIGH_WATER_BYTES },
    (input, output, { csvSettings }, onDeadLetters) => ({
      source: createStreamSource({ name: 'the stream', input, readers: csvReaders(csvSettings), compression: 'none' }),
      sink: createStreamSink({
        name: 'the stream',
        output,
        format: byteFormat(createWriter('csv', { csv: csvSettings }, 'none')),
        ...onDeadLetters,
      }),
    }),
  );
}

type OnDeadLetters = Pick<ScoreOptions, 'onDeadLetters'>;
type MakeEndpoints = (
  input: PassThrough,
  output: PassThrough,
  job: JobDescription,
  onDeadLetters: OnDeadLetters,
) => Endpoints;

/** A job between the two sides of a Duplex: the end of the one ends the other, a failure destroys both with its reason. */
export function streamOf(
  options: ScoreOptions,
  mode: { readonly objectMode: boolean; readonly highWaterMark: number },
  endpoints: MakeEndpoints,
): Duplex {
  const { onDeadLetters, ...settings } = options;
  const job = resolveJob({ ...settings, intakeSettings: { file: '-' }, outputSettings: { path: '-' } });
  const input = new PassThrough(mode);
  const output = new PassThrough(mode);
  const stop = new AbortController();
  const duplex = new Duplex({
    ...mode,
    write: (chunk, _encoding, done) => {
      if (input.write(chunk)) done();
      else input.once('drain', done);
    },
    final: (done) => {
      input.end(done);
    },
    read: () => {
      output.resume();
    },
    destroy: (error, done) => {
      // Nobody reads any more: no row may be sent for nothing.
      stop.abort(error ?? new Error('the stream was destroyed'));
      input.destroy();
      output.destroy();
      done(error);
    },
  });
  output.on('data', (chunk) => {
    if (!duplex.push(chunk)) output.pause();
  });
  output.on('end', () => duplex.push(null));
  const run = startJob(job, {
    signal: stop.signal,
    endpoints: (job) => endpoints(input, output, job, onDeadLetters === undefined ? {} : { onDeadLetters }),
  });
  run.result.then(
    () => output.end(),
    (error: unknown) => duplex.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return duplex;
}
