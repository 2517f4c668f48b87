import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { resolveJob } from '../../../src/jobs/description/parse-job.ts';
import { outputWriter } from '../../../src/jobs/formats-of-job.ts';

const job = resolveJob({
  deployment: { id: 'd', server: 'http://127.0.0.1:8100' },
  intakeSettings: { type: 'localFile', file: 'rows.csv' },
  outputSettings: { type: 'localFile', path: 'scored.parquet' },
});
const ports = { clock: systemClock };

test('a Parquet output is not packed as a whole, whatever its name says', () => {
  expect(() => outputWriter(job, { format: 'auto', compression: 'auto' }, 'scored.parquet.gz', ports)).toThrow(
    /packed within, not as a whole \(gzip\)/,
  );
});

test('the pages of Parquet are packed as the setting says, and by snappy without it', async () => {
  const sizes = new Map<string, number>();
  for (const compression of ['auto', 'snappy', 'none', 'gzip', 'zstd'] as const) {
    const writer = outputWriter(job, { format: 'parquet', compression }, 'scored', ports);
    const schema = { columns: [{ name: 'text' }] };
    const { state } = writer.header(schema, '00');
    const line = Buffer.from(`${'abcd'.repeat(1000)}\n`);
    const block = await writer.block([{ schema, bytes: line, ends: Uint32Array.of(line.length) }], state, 4);
    sizes.set(compression, block.bytes.length);
  }
  expect(sizes.get('auto')).toBe(sizes.get('snappy'));
  expect(new Set(sizes.values()).size).toBe(4);
  expect(sizes.get('none')).toBeGreaterThan(4000);
});

test('snappy is refused for what is no Parquet', () => {
  expect(() => outputWriter(job, { format: 'auto', compression: 'snappy' }, 'scored.csv', ports)).toThrow(
    /snappy is for Parquet, and scored\.csv is csv/,
  );
});
