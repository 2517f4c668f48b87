import assert from 'node:assert/strict';
import type { Ledger } from '../core/ledger.ts';
import type { AcceptanceCheck } from './acceptance-check.ts';
import { holdableValues } from './difficult-values.ts';
import type { DyingMoment } from './dying-run.ts';
import { assertNoSecret, written } from './no-secret.ts';
import { assertWhole } from './sink-assertions.ts';
import type { SinkDriver, SinkPlace } from './sink-driver.ts';
import { SinkPlan } from './sink-plan.ts';
import { runWholeOutput } from './whole-output.ts';

/** A place whose runs can die at a moment of their own choice. */
export interface DyingSinkPlace extends SinkPlace {
  /** Runs `runUntilKilled` in a process of its own, and resolves when it is dead. */
  diedRun(moment: DyingMoment): Promise<void>;
}

/** What the kit needs for runs that die. */
export interface DyingSinkDriver extends Omit<SinkDriver, 'place'> {
  place(): Promise<DyingSinkPlace>;
}

/** The check of a kill between write and commit: what was written since the last commit is gone, and comes again. */
export function killedBetweenWriteAndCommit(driver: DyingSinkDriver): AcceptanceCheck {
  return died(driver, 'written', 'a run killed between write and commit is completed by the next one, each row once');
}

/** The check of a kill between commit and publish: all is there, and only the last step is left. */
export function killedBetweenCommitAndPublish(driver: DyingSinkDriver): AcceptanceCheck {
  return died(
    driver,
    'committed',
    'a run killed between commit and publish is completed by the next one, each row once',
  );
}

function died(driver: DyingSinkDriver, moment: DyingMoment, name: string): AcceptanceCheck {
  return check(name, driver, async (place, signal) => {
    const { plan } = driver.killed;
    await place.diedRun(moment);
    assert.equal(await place.published(), null, 'a run that was not published is visible as an output');
    const sequence = await foundSequence(place, plan, signal);
    assert.ok(sequence <= (moment === 'committed' ? plan.size.batches : plan.size.batches - 1), `${sequence}`);
    await runWholeOutput(place.sink({ overwrite: false }), plan, signal);
    assertWhole(await place.published(), plan);
    assert.deepEqual(await place.leftovers(), []);
  });
}

async function foundSequence(place: SinkPlace, plan: SinkPlan, signal: AbortSignal): Promise<number> {
  await using sink = place.sink({ overwrite: false });
  return (await sink.open(plan.job, signal))?.sequence ?? 0;
}

/** The check of repeated delivery: every run writes all batches that are left, and one more of them counts. */
export function deliveredAgainIsWrittenOnce(driver: SinkDriver): AcceptanceCheck {
  const { plan } = driver;
  return check('batches delivered again by run after run are in the output once', driver, async (place, signal) => {
    const { batches } = plan.size;
    for (let run = 0; run < 4; run += 1) {
      await using sink = place.sink({ overwrite: false });
      const from = (await sink.open(plan.job, signal))?.sequence ?? 0;
      const commitBehind = Math.min(batches, Math.ceil(((run + 1) * batches) / 5));
      let last: Ledger | null = null;
      for (let sequence = from; sequence < batches; sequence += 1) {
        await sink.write(plan.batch(sequence), plan.schema, signal);
        if (sequence + 1 === commitBehind) last = await sink.commit(signal);
      }
      assert.ok(last === null || last.sequence <= commitBehind);
    }
    await runWholeOutput(place.sink({ overwrite: false }), plan, signal);
    assertWhole(await place.published(), plan);
  });
}

/** The check of an abort in the middle: after it, and a discard, nothing of the run is there. */
export function abortLeavesNothing(driver: SinkDriver): AcceptanceCheck {
  const { plan } = driver;
  return check('a run that is aborted and discarded leaves nothing', driver, async (place, signal) => {
    const aborting = new AbortController();
    {
      await using sink = place.sink({ overwrite: false });
      await sink.open(plan.job, signal);
      for (let sequence = 0; sequence < plan.size.batches - 1; sequence += 1)
        await sink.write(plan.batch(sequence), plan.schema, signal);
      await sink.commit(signal);
      aborting.abort(new Error('stopped by the check'));
      const last = plan.batch(plan.size.batches - 1);
      await sink.write(last, plan.schema, aborting.signal).catch(() => undefined);
      await sink.commit(aborting.signal).catch(() => undefined);
      await sink.discard();
    }
    assert.equal(await place.published(), null);
    assert.deepEqual(await place.leftovers(), []);
    assert.equal(await foundSequence(place, plan, signal), 0);
  });
}

/**
 * The check of difficult values: a reader of the output finds them as they were written.
 * @param cannotHold kinds of `difficultValues` that the system itself has no way to hold.
 */
export function difficultValuesAreWritten(driver: SinkDriver, cannotHold: readonly string[] = []): AcceptanceCheck {
  const values = holdableValues(cannotHold);
  const plan = new SinkPlan({ batches: 3, rowsPerBatch: values.length, padding: 0, values });
  return check('difficult values are written as they are', driver, async (place, signal) => {
    await runWholeOutput(place.sink({ overwrite: false }), plan, signal);
    assertWhole(await place.published(), plan);
  });
}

/** A place that can show all that it holds. */
export interface OpenSinkPlace extends SinkPlace {
  /** Passwords, tokens and keys that its sinks are made with. */
  readonly secrets: readonly string[];
  /** The contents of everything that is there, the output, its manifest and what is left over, as texts. */
  contents(): Promise<readonly string[]>;
}

/** What the kit needs to look for secrets. */
export interface OpenSinkDriver extends Omit<SinkDriver, 'place'> {
  place(): Promise<OpenSinkPlace>;
}

/** The check that no ledger, manifest, left file or printed line holds a secret. */
export function sinkKeepsSecrets(driver: OpenSinkDriver): AcceptanceCheck {
  const { plan } = driver;
  return check(
    'no secret is in a ledger, a manifest or a message, nor is one printed',
    driver,
    async (place, signal) => {
      const { secrets } = place;
      assert.ok(secrets.length > 0, 'the place names no secret');
      const printed = await written(async () => {
        {
          await using sink = place.sink({ overwrite: false });
          await sink.open(plan.job, signal);
          for (let sequence = 0; sequence < plan.size.batches; sequence += 1)
            await sink.write(plan.batch(sequence), plan.schema, signal);
          assertNoSecret(await sink.commit(signal), secrets, 'the ledger');
          assertNoSecret(sink, secrets, 'the sink itself');
        }
        for (const text of await place.contents()) assertNoSecret(text, secrets, 'what is staged');
        {
          await using stranger = place.sink({ overwrite: false });
          const error = await stranger
            .open({ ...plan.job, deployment: 'another' }, signal)
            .catch((thrown: unknown) => thrown);
          assertNoSecret(error, secrets, 'the refusal of another job');
        }
        await runWholeOutput(place.sink({ overwrite: false }), plan, signal);
        for (const text of await place.contents()) assertNoSecret(text, secrets, 'what is published');
        assertNoSecret((await place.published())?.manifest, secrets, 'the manifest');
      });
      assertNoSecret(printed, secrets, 'what was printed');
    },
  );
}

function check<P extends SinkPlace>(
  name: string,
  driver: { place(): Promise<P> },
  clause: (place: P, signal: AbortSignal) => Promise<void>,
): AcceptanceCheck {
  return {
    name,
    run: async () => {
      const place = await driver.place();
      try {
        await clause(place, new AbortController().signal);
      } finally {
        await place.close();
      }
    },
  };
}
