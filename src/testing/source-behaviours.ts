import assert from 'node:assert/strict';
import type { BatchLimits } from '../core/batch-limits.ts';
import type { Source } from '../core/source.ts';
import type { AcceptanceCheck } from './acceptance-check.ts';
import { holdableValues } from './difficult-values.ts';
import { assertNoSecret, written } from './no-secret.ts';
import { readIntake, textsOf } from './read-rows.ts';
import type { SourceDriver } from './source-driver.ts';

const SMALL: BatchLimits = { rows: 3, bytes: 1024 * 1024, lingerMs: 60_000 };
const LOOK_MS = 20;
const QUIET_LOOKS = 10;

/** The check of reading splits at the same time, each by a run of its own: the same rows as one after the other. */
export function splitsInParallel(makeDriver: () => Promise<SourceDriver>): AcceptanceCheck {
  return check('splits read at the same time give the same rows', makeDriver, async (driver, signal) => {
    await using first = driver.source();
    await first.identity(signal);
    const splits = await first.splits(signal);
    assert.ok(splits.length > 1, 'the intake has one split only');
    const parts = await Promise.all(
      splits.map(async ({ id }) => {
        await using source = driver.source();
        await source.identity(signal);
        const own = (await source.splits(signal)).find((split) => split.id === id)!;
        const rows: (string | null)[][] = [];
        for await (const batch of source.read(own, null, SMALL, signal)) rows.push(...textsOf(batch));
        return rows;
      }),
    );
    assert.deepEqual(parts.flat(), driver.records);
  });
}

/** An intake that is much larger than what may be read ahead of a reader. */
export interface WideIntake {
  readonly source: () => Source;
  readonly rows: number;
  readonly bytes: number;
  /** Bytes that were taken from outside so far, as counted there. */
  readonly taken: () => number;
  /** What may be taken beyond the batches that were read, in bytes. */
  readonly ahead: number;
  close(): Promise<void>;
}

/** The check of back-pressure: for a reader that does not go on no more is read than a bounded number of bytes. */
export function stoppedReaderStopsReading(makeIntake: () => Promise<WideIntake>): AcceptanceCheck {
  return check('a reader that stops is not read ahead of, but by bounded bytes', makeIntake, async (intake, signal) => {
    const { ahead, bytes } = intake;
    assert.ok(bytes > 3 * ahead, `${bytes} bytes are too few to see that ${ahead} are not exceeded`);
    await using source = intake.source();
    let rows = 0;
    let isFirst = true;
    for await (const batch of readIntake(source, null, SMALL, signal)) {
      rows += batch.rows;
      if (!isFirst) continue;
      isFirst = false;
      const taken = await atRest(intake.taken);
      assert.ok(taken > 0, 'nobody counts what is taken');
      assert.ok(taken <= ahead, `${taken} bytes were taken for a reader that stands still`);
    }
    assert.equal(rows, intake.rows);
    assert.ok(intake.taken() >= bytes, `${intake.taken()} of ${bytes} bytes were taken in the end`);
  });
}

/** What a count is when it has not changed for a while. */
async function atRest(count: () => number): Promise<number> {
  let last = count();
  for (let quiet = 0; quiet < QUIET_LOOKS; quiet += 1) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    if (count() !== last) quiet = 0;
    last = count();
  }
  return last;
}

/** What the kit needs to see difficult values through a source. */
export interface DifficultIntake {
  readonly source: () => Source;
  close(): Promise<void>;
}

/**
 * The check of difficult values: an intake that holds them gives them back equal.
 * @param makeIntake makes an intake of the columns `id` and `value` with these rows.
 * @param cannotHold kinds of `difficultValues` that the system itself has no way to hold.
 */
export function difficultValuesAreRead(
  makeIntake: (rows: readonly (readonly [string, string | null])[]) => Promise<DifficultIntake>,
  cannotHold: readonly string[] = [],
): AcceptanceCheck {
  const rows = holdableValues(cannotHold).map((value, id) => [String(id), value] as const);
  return check(
    'difficult values are read as they are',
    () => makeIntake(rows),
    async ({ source: open }, signal) => {
      await using source = open();
      const found: (string | null)[][] = [];
      for await (const batch of readIntake(source, null, SMALL, signal)) found.push(...textsOf(batch));
      for (const [index, row] of rows.entries()) assert.deepEqual(found[index], row);
      assert.equal(found.length, rows.length);
    },
  );
}

/** A source that is made with secrets. */
export interface SecretSourceDriver extends SourceDriver {
  readonly secrets: readonly string[];
}

/** The check that nothing that is kept or shown of an intake holds a secret: identity, splits, positions, what is written to the terminal. */
export function sourceKeepsSecrets(makeDriver: () => Promise<SecretSourceDriver>): AcceptanceCheck {
  return check('no secret is in what is kept of the intake, nor is one printed', makeDriver, async (driver, signal) => {
    const { secrets } = driver;
    const printed = await written(async () => {
      await using source = driver.source();
      assertNoSecret(await source.identity(signal), secrets, 'the identity');
      assertNoSecret(await source.splits(signal), secrets, 'the splits');
      await using reading = driver.source();
      for await (const { origin } of readIntake(reading, null, SMALL, signal)) {
        assertNoSecret(origin.position, secrets, 'a position');
        assertNoSecret(origin.split, secrets, 'the name of a split');
      }
      assertNoSecret(source, secrets, 'the source itself');
    });
    assertNoSecret(printed, secrets, 'what was printed');
  });
}

function check<D extends { close(): Promise<void> }>(
  name: string,
  make: () => Promise<D>,
  clause: (driver: D, signal: AbortSignal) => Promise<void>,
): AcceptanceCheck {
  return {
    name,
    run: async () => {
      const driver = await make();
      try {
        await clause(driver, new AbortController().signal);
      } finally {
        await driver.close();
      }
    },
  };
}
