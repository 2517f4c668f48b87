import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Ledger } from '../core/ledger.ts';
import { columnNames } from '../core/schema.ts';
import type { PublishedOutput } from './published-output.ts';
import { SinkPlan } from './sink-plan.ts';

/** Asserts that a ledger says of its batches what they hold, and that it survives being stored as JSON. */
export function assertLedger(ledger: Ledger, plan: SinkPlan): void {
  assert.deepEqual(JSON.parse(JSON.stringify(ledger)), ledger);
  assert.deepEqual(ledger.job, plan.job);
  if (ledger.sequence === 0) return;
  assert.deepEqual(ledger.columns, columnNames(plan.schema));
  assert.deepEqual(ledger.through, plan.batch(ledger.sequence - 1).through);
  const part = new SinkPlan({ ...plan.size, batches: ledger.sequence }).facts();
  assert.deepEqual(ledger.tally, part.tally);
  assert.equal(ledger.intakeBytes, part.intakeBytes);
  assert.deepEqual(ledger.model, part.model);
}

/** Asserts that an output holds all of the plan, once and in order, with its dead letters and a manifest that fits. */
export function assertWhole(found: PublishedOutput | null, plan: SinkPlan): void {
  assert.ok(found !== null, 'nothing is published');
  const { manifest } = found;
  assert.deepEqual(found.columns, columnNames(plan.schema));
  assertSameList(found.records, plan.records(), 'record');
  const letters = plan.deadLetters();
  // Not every output can say which of its rows a letter belongs to; one that does must be right.
  const kept = found.deadLetters.map((letter, i) => ({
    ...letter,
    output: letter.output === undefined ? (letters[i]?.output ?? null) : letter.output,
  }));
  assertSameList(kept, letters, 'dead letter');
  const { objects, columns, ...facts } = manifest;
  assert.deepEqual(facts, plan.facts());
  assert.deepEqual(columns, columnNames(plan.schema));
  const counts = Object.fromEntries(objects.map(({ role, records }) => [role, records]));
  assert.deepEqual(counts, {
    rows: plan.records().length,
    ...(letters.length > 0 ? { deadLetters: letters.length } : {}),
  });
}

/** Compares item by item, so that a failure shows one item and not a whole output. */
function assertSameList(found: readonly unknown[], wanted: readonly unknown[], what: string): void {
  for (const [index, item] of wanted.entries()) {
    if (index >= found.length) break;
    if (!isDeepStrictEqual(found[index], item)) {
      assert.fail(`${what} ${index} is ${short(found[index])} where ${short(item)} was written`);
    }
  }
  assert.equal(found.length, wanted.length, `${found.length} ${what}s where ${wanted.length} were written`);
}

function short(item: unknown): string {
  return JSON.stringify(item).slice(0, 200);
}
