/** What a case is told, as JSON in its first argument. */
export interface CaseInput {
  readonly file: string;
  readonly rows: number;
  readonly port: number;
  readonly output: string;
  readonly concurrency: number;
  readonly chunkBytes: number;
  readonly reply: 'csv' | 'json';
  /** Settings of the product: what is learned of the server, and what is given. */
  readonly limiter: 'auto' | 'fixed';
  readonly chunkSize: 'auto' | 'bytes';
  /** A baseline, and which rows are counted by it; null keeps no statistics. */
  readonly monitoring: { readonly baseline: string; readonly driftSampling: 'auto' | 'all' } | null;
}

/** What a case says of itself, as JSON on its last line. */
export interface CaseOutput {
  readonly rows: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Largest resident set, in MB. */
  readonly peakMb: number;
  readonly note?: string;
}

/** Runs the body of a case in this process, measures it, and prints the outcome. */
export async function measured(
  body: (input: CaseInput) => Promise<{ readonly rows: number; readonly note?: string }>,
): Promise<void> {
  const input = JSON.parse(process.argv[2] ?? '{}') as CaseInput;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const { rows, note } = await body(input);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const outcome: CaseOutput = {
    rows,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    peakMb: process.resourceUsage().maxRSS / 1024,
    ...(note === undefined ? {} : { note }),
  };
  console.log(JSON.stringify(outcome));
}
