import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ApiServerOptions, startApi } from '../support/api-server.ts';
import { sluice } from '../support/command-line.ts';
import { PredictionServer } from '../support/prediction-server.ts';

/** More than is looked at as a whole for drift, unless the job says so. */
const ROWS = 70;
const CSV = `id,c\n${Array.from({ length: ROWS }, (_, i) => `${i},${'x'.repeat(1_000_000)}\n`).join('')}`;

test('how much of an upload is looked at for drift is decided once, whatever is known of its size', async () => {
  const state = mkdtempSync(join(tmpdir(), 'sluice-regression-'));
  try {
    writeFileSync(join(state, 'train.csv'), `id\n${'1\n2\n'.repeat(100)}`);
    writeFileSync(join(state, 'scored.csv'), `y_PREDICTION\n${'1\n2\n'.repeat(100)}`);
    const args = ['baseline', 'train.csv', '--features', 'id', '--predictions', 'scored.csv', '--out', 'base.json'];
    expect(await sluice(args, { cwd: state })).toMatchObject({ code: 0 });
    const gate = Promise.withResolvers<void>();
    await using predictions = await PredictionServer.start({
      respond: ({ number }) => (number < 3 ? undefined : { after: gate.promise }),
    });
    const deployments = { d: { server: predictions.url, baseline: join(state, 'base.json') } };
    const options: ApiServerOptions = {
      state,
      deployments: {},
      server: { drainSeconds: 0.1 },
      configuration: { deployments },
    };
    const before = await startApi(options);
    const { id } = await before.create({ deploymentId: 'd', numConcurrent: 1 });
    const begun = Promise.withResolvers<void>();
    const halves = async function* (): AsyncGenerator<Uint8Array> {
      const csv = Buffer.from(CSV);
      yield csv.subarray(0, csv.length / 2);
      await begun.promise;
      yield csv.subarray(csv.length / 2);
    };
    const uploading = before.upload(id, ReadableStream.from(halves()) as ReadableStream);
    await before.until(id, ({ scoredRows }) => scoredRows > 0);
    begun.resolve();
    expect((await uploading).status).toBe(202);
    await before.server.close();
    gate.resolve();
    await using after = await startApi(options);
    const job = await after.ended(id);
    expect(job.status, job.logs.join(' | ')).toBe('COMPLETED');
    expect(job.scoredRows).toBe(ROWS);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}, 60_000);
