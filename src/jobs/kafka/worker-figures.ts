import * as z from 'zod';

const amount = z.number().min(0);

/** What a worker tells of its work for a job. Fields of later versions are passed over. */
const workerFigures = z.object({
  v: z.literal(1),
  /** Requests under way, and how many at once are allowed now. */
  inFlight: amount,
  limit: amount,
  /** Since it has joined the job. */
  retries: amount,
  /** Milliseconds that its partitions have spent since then, by activity. */
  score: z.object({ work: amount, input: amount, server: amount, output: amount }),
  /** Latencies of the last seconds, as `LatencyCounts`. */
  recent: z.array(z.tuple([z.int().min(0), amount]).readonly()).readonly(),
});
export type WorkerFigures = Omit<z.output<typeof workerFigures>, 'v'>;

/** Under which name the figures of a job are told; no address of a prediction server is like it. */
export function figuresName(job: string): string {
  return `job:${job}`;
}

export function figuresText(figures: WorkerFigures): string {
  return JSON.stringify({ v: 1, ...figures });
}

/** Null for figures that this version does not understand: of such a worker it shows none. */
export function readFigures(text: string): WorkerFigures | null {
  try {
    const { v: _, ...figures } = workerFigures.parse(JSON.parse(text));
    return figures;
  } catch {
    return null;
  }
}
