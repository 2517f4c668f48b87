import { fastify } from 'fastify';
import { expect, test } from 'vitest';
import { ColumnStatistics } from '../../connectors/catalog/column-statistics.ts';
import { SluiceError } from '../../src/core/error.ts';
import { withRunTimes } from '../../src/jobs/run-time.ts';
import { numberOfText } from '../../src/model-server/number-cell.ts';
import { Cell } from '../../src/monitoring/cell.ts';
import { cellNumber } from '../../src/scoring/wires/oip-cells.ts';
import { sendError } from '../../src/server/json-reply.ts';

/** In time that grows with the square of the text these take minutes; else less than a millisecond for each hundred thousand characters. */
const LONG = 400_000;
const MOST_MS = 1_000;

const digits = `${'1'.repeat(LONG)}x`;
const bytes = Buffer.from(`${digits},`);

function took(work: () => unknown): number {
  const begun = performance.now();
  work();
  return performance.now() - begun;
}

test.each<[string, () => unknown]>([
  ['a cell of the model server', () => numberOfText(digits)],
  ['a cell whose drift is looked at', () => new Cell().number(bytes, 0)],
  ['a cell of a dataset', () => new ColumnStatistics({ name: 'c' }).add(digits)],
  ['a cell of a tensor', () => cellNumber(bytes, 0, LONG + 1, 'FP64')],
])('%s with very many digits that is no number holds nobody up', (_, work) => {
  expect(took(work)).toBeLessThan(MOST_MS);
});

test('a query that opens a template variable and goes on with spaces holds nobody up', () => {
  const query = `{{${' '.repeat(LONG)}`;
  const job = { intakeSettings: { type: 'jdbc', query } };
  expect(took(() => expect(withRunTimes(job, { current: 0 })).toEqual(job))).toBeLessThan(MOST_MS);
});

test('a refused body that names a field of line ends holds nobody up, and each problem is told without its place', async () => {
  const lines = '\n'.repeat(LONG);
  await using app = fastify();
  app.setErrorHandler((error, _, reply) => sendError(reply, error, () => undefined));
  app.get('/', async () => {
    throw new SluiceError('CONFIG_INVALID', `2 problems:\n  body: a must be 1\n  body: b.${lines} must be 2`);
  });
  const begun = performance.now();
  const reply = await app.inject('/');
  expect(performance.now() - begun).toBeLessThan(MOST_MS);
  expect(reply.statusCode).toBe(422);
  expect(reply.json()).toMatchObject({
    message: `2 problems:\n  a must be 1\n  b.${lines} must be 2`,
    errors: { a: 'a must be 1' },
  });
});
