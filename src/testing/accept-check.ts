import assert from 'node:assert/strict';
import { SluiceError } from '../core/error.ts';
import type { Sink } from '../core/sink.ts';
import type { Source } from '../core/source.ts';
import type { AcceptanceCheck } from './acceptance-check.ts';
import type { CheckDriver } from './check-driver.ts';
import { assertNoSecret } from './no-secret.ts';

/** The check of `check`: a sound part passes, each fault is named in its own words, nothing is left behind, no secret is said. */
export function checkNamesWhatIsWrong(makeDriver: () => Promise<CheckDriver>): AcceptanceCheck {
  return {
    name: 'check says of each fault what is wrong, in words of its own, and leaves nothing behind',
    run: async () => {
      const driver = await makeDriver();
      try {
        await tryFaults(driver, new AbortController().signal);
      } finally {
        await driver.close();
      }
    },
  };
}

async function tryFaults(driver: CheckDriver, signal: AbortSignal): Promise<void> {
  const { faults, secrets, contents } = driver;
  assert.ok(Object.keys(faults).length > 0, 'the driver names no fault');
  const before = await contents();
  await withPart(driver.sound(), (part) => check(part, signal));
  const messages = new Map<string, string>();
  for (const [what, { part, code, says }] of Object.entries(faults)) {
    const error = await withPart(part(), async (faulty) => {
      const outcome = await check(faulty, signal).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      assert.ok(outcome instanceof SluiceError, `${what} was not found; check said: ${String(outcome)}`);
      return outcome;
    });
    assert.equal(error.code, code, `${what}: ${error.message}`);
    assert.match(error.message, says, what);
    assertNoSecret(error, secrets, `the error of ${what}`);
    const other = messages.get(error.message);
    assert.equal(other, undefined, `${what} and ${other} are told in the same words: ${error.message}`);
    messages.set(error.message, what);
  }
  assert.deepEqual(await contents(), before, 'a check has left something behind');
  const aborted = AbortSignal.abort(new Error('stopped by the check'));
  await withPart(driver.sound(), (part) => check(part, aborted).catch(() => undefined));
}

async function check(part: Source | Sink, signal: AbortSignal): Promise<void> {
  await part.check(signal);
}

async function withPart<T>(part: Source | Sink, use: (part: Source | Sink) => Promise<T>): Promise<T> {
  try {
    return await use(part);
  } finally {
    await part.close();
  }
}
