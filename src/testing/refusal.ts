import assert from 'node:assert/strict';
import { SluiceError } from '../core/error.ts';
import type { ErrorCode } from '../core/error-table.ts';

/** Asserts that work is refused with a code; gives the message, for what else it must say. */
export async function refusal(code: ErrorCode, work: () => Promise<unknown>): Promise<string> {
  const outcome = await work().then(
    () => 'nothing was refused',
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof SluiceError, `${code} was expected, but: ${String(outcome)}`);
  assert.equal(outcome.code, code, outcome.message);
  return outcome.message;
}
