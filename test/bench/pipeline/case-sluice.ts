import { runJob } from '../../../src/index.ts';
import { measured } from './case.ts';

// The product: field-count check, row identity, join with one passed through column, order, ledger and checksum on.
await measured(async ({ file, port, concurrency, chunkBytes, output, reply, limiter, chunkSize, monitoring }) => {
  const run = runJob(
    {
      deployment: {
        id: 'bench',
        server: `http://127.0.0.1:${port}`,
        wire: 'datarobot',
        reply,
        target: 'y',
        baseline: monitoring?.baseline ?? null,
      },
      driftSampling: monitoring?.driftSampling ?? 'auto',
      intakeSettings: { type: 'localFile', file },
      outputSettings: { type: 'localFile', path: output },
      passthroughColumns: ['id'],
      numConcurrent: concurrency,
      limiter,
      chunkSize: chunkSize === 'auto' ? chunkSize : chunkBytes,
    },
    { overwrite: true },
  );
  const { manifest, progress } = await run.result;
  const shares = progress.stages.map(({ stage, milliseconds }) => {
    const total = Object.values(milliseconds).reduce((sum, ms) => sum + ms, 0);
    const parts = Object.entries(milliseconds).filter(([, ms]) => ms > 0.005 * total);
    return `${stage}: ${parts.map(([activity, ms]) => `${activity} ${Math.round((100 * ms) / total)} %`).join(', ')}`;
  });
  const requests = `${progress.requests} requests, ${progress.limit} at once in the end`;
  return { rows: manifest.tally.scored, note: `${shares.join(' | ')} | ${requests}` };
});
