import assert from 'node:assert/strict';
import type { Ledger } from '../core/ledger.ts';
import type { AcceptanceCheck } from './acceptance-check.ts';
import { refusal } from './refusal.ts';
import { sideBySide } from './side-by-side.ts';
import { assertLedger, assertWhole } from './sink-assertions.ts';
import type { SinkDriver, SinkPlace } from './sink-driver.ts';
import { SinkPlan } from './sink-plan.ts';
import { runWholeOutput } from './whole-output.ts';

type Clause = (place: SinkPlace, driver: SinkDriver, signal: AbortSignal) => Promise<void>;

/** The checks of a sink that promises `exactly-once`, of an output that is invisible until it is published. */
export function acceptSink(driver: SinkDriver): readonly AcceptanceCheck[] {
  const names = Object.keys(clauses) as ClauseName[];
  return checksOf(driver, driver.inPlace === true ? names.filter((name) => !notInPlace.includes(name)) : names);
}

/**
 * The checks of a sink that promises `exactly-once` for an output that only grows (a topic): what was committed is visible and stays, so
 * it can be neither hidden until the end nor replaced nor taken back, and an output is one job's in a place that others may write
 * too. `published` gives what is there once the run has published, and null before.
 */
export function acceptGrowingSink(driver: SinkDriver): readonly AcceptanceCheck[] {
  return checksOf(driver, ofGrowing);
}

function checksOf(driver: SinkDriver, names: readonly ClauseName[]): readonly AcceptanceCheck[] {
  return names.map((name) => ({
    name,
    run: async () => {
      const place = await driver.place();
      try {
        await clauses[name](place, driver, new AbortController().signal);
      } finally {
        await place.close();
      }
    },
  }));
}

const clauses = {
  'an undisturbed run publishes all rows in order, the dead letters and the manifest, and leaves nothing else': async (
    place,
    { plan },
    signal,
  ) => {
    assert.equal(place.sink({ overwrite: false }).guarantee, 'exactly-once');
    await runWholeOutput(place.sink({ overwrite: false }), plan, signal);
    assertWhole(await place.published(), plan);
    assert.deepEqual(await place.leftovers(), []);
  },

  'nothing is visible before publish': async (place, { plan }, signal) => {
    await using sink = place.sink({ overwrite: false });
    assert.equal(await sink.open(plan.job, signal), null);
    await write(sink, plan, 0, plan.size.batches, signal);
    await sink.commit(signal);
    assert.equal(await place.published(), null);
  },

  'commit gives a ledger of batches that were accepted, never goes back, and comes along': async (
    place,
    { plan },
    signal,
  ) => {
    await using sink = place.sink({ overwrite: false });
    await sink.open(plan.job, signal);
    const seen = [0];
    for (let sequence = 0; sequence < plan.size.batches; sequence += 1) {
      await sink.write(plan.batch(sequence), plan.schema, signal);
      const ledger = await sink.commit(signal);
      assert.ok(ledger.sequence <= sequence + 1 && ledger.sequence >= seen.at(-1)!, `${ledger.sequence}`);
      assertLedger(ledger, plan);
      seen.push(ledger.sequence);
    }
    assert.ok(new Set(seen).size > 3, 'at least three commits in the plan; it is too small for this sink');
  },

  'a run that ends anywhere leaves exactly what its last commit returned, and a continuation completes it': async (
    undisturbed,
    driver,
    signal,
  ) => {
    const { plan } = driver;
    await runWholeOutput(undisturbed.sink({ overwrite: false }), plan, signal);
    const wanted = (await undisturbed.published())?.manifest;
    const step = Math.ceil(plan.size.batches / (driver.endings ?? 9));
    const endAfter = async (end: number): Promise<void> => {
      const place = await driver.place();
      try {
        const last = await interrupted(place, plan, end, signal);
        await using sink = place.sink({ overwrite: false });
        assert.deepEqual(await sink.open(plan.job, signal), last, `after ${end} batches`);
        await write(sink, plan, last?.sequence ?? 0, plan.size.batches, signal);
        await sink.publish(plan.facts(), plan.schema, signal);
        await sink.close();
        const found = await place.published();
        assertWhole(found, plan);
        // The checksums are in it: the bytes too are those of the undisturbed run.
        assert.deepEqual(found?.manifest, wanted, `after ${end} batches`);
        assert.deepEqual(await place.leftovers(), []);
      } finally {
        await place.close();
      }
    };
    const attempt = (at: number): Promise<void> => endAfter(Math.min(at * step, plan.size.batches));
    await sideBySide(driver.sideBySide ?? 1, attempt, (_, at) => (at + 1) * step > plan.size.batches);
  },

  'a run may be continued again and again': async (place, { plan }, signal) => {
    let sequence = 0;
    for (let run = 0; run < 4; run += 1) {
      await using sink = place.sink({ overwrite: false });
      const ledger = await sink.open(plan.job, signal);
      assert.equal(ledger?.sequence ?? 0, sequence);
      await write(sink, plan, sequence, Math.ceil(((run + 1) * plan.size.batches) / 4), signal);
      sequence = (await sink.commit(signal)).sequence;
    }
    await runWholeOutput(place.sink({ overwrite: false }), plan, signal);
    assertWhole(await place.published(), plan);
  },

  'another job is refused with the difference, and what is durable stays': async (place, { plan }, signal) => {
    const last = await interrupted(place, plan, plan.size.batches, signal);
    await using stranger = place.sink({ overwrite: false });
    const message = await refusal('LEDGER_OTHER_JOB', () =>
      stranger.open({ ...plan.job, deployment: 'another' }, signal),
    );
    assert.match(message, /deployment/);
    assert.match(message, /another/);
    await stranger.close();
    await using sink = place.sink({ overwrite: false });
    assert.deepEqual(await sink.open(plan.job, signal), last);
  },

  'a second run is refused while the first is open, and let in when it has closed': async (place, { plan }, signal) => {
    await using first = place.sink({ overwrite: false });
    await first.open(plan.job, signal);
    await using second = place.sink({ overwrite: true });
    await refusal('OUTPUT_LOCKED', () => second.open(plan.job, signal));
    await second.close();
    await write(first, plan, 0, plan.size.batches, signal);
    await first.publish(plan.facts(), plan.schema, signal);
    await first.close();
    assertWhole(await place.published(), plan);
    await runWholeOutput(place.sink({ overwrite: true }), plan, signal);
    assertWhole(await place.published(), plan);
  },

  'a finished output is refused, and stays as it is': async (place, { plan }, signal) => {
    await runWholeOutput(place.sink({ overwrite: false }), plan, signal);
    await using sink = place.sink({ overwrite: false });
    await refusal('OUTPUT_EXISTS', () => sink.open(plan.job, signal));
    await sink.close();
    assertWhole(await place.published(), plan);
    assert.deepEqual(await place.leftovers(), []);
  },

  'overwriting leaves the old output visible until the new one is published, and nothing of it then': async (
    place,
    { plan },
    signal,
  ) => {
    await runWholeOutput(place.sink({ overwrite: false }), plan, signal);
    const other = new SinkPlan({ ...plan.size, batches: 1, rowsPerBatch: 2, padding: 0 });
    await using sink = place.sink({ overwrite: true });
    assert.equal(await sink.open(other.job, signal), null);
    await write(sink, other, 0, 1, signal);
    await sink.commit(signal);
    assertWhole(await place.published(), plan);
    await sink.publish(other.facts(), other.schema, signal);
    await sink.close();
    // The new output has no dead letters: those of the old one must be gone too.
    assertWhole(await place.published(), other);
    assert.deepEqual(await place.leftovers(), []);
  },

  'overwriting throws an interrupted run away, whatever its job': async (place, { plan }, signal) => {
    await interrupted(place, plan, plan.size.batches, signal);
    await using sink = place.sink({ overwrite: true });
    assert.equal(await sink.open({ ...plan.job, deployment: 'another' }, signal), null);
    await sink.close();
    await using next = place.sink({ overwrite: false });
    assert.equal(await next.open(plan.job, signal), null);
  },

  'discard leaves nothing of the run, and an older output as it was': async (place, { plan, inPlace }, signal) => {
    for (const overwrite of inPlace === true ? [false] : [false, true]) {
      await using sink = place.sink({ overwrite });
      await sink.open(plan.job, signal);
      await write(sink, plan, 0, plan.size.batches, signal);
      await sink.commit(signal);
      await sink.discard();
      await sink.close();
      assert.deepEqual(await place.leftovers(), []);
      if (overwrite) assertWhole(await place.published(), plan);
      else {
        assert.equal(await place.published(), null);
        await runWholeOutput(place.sink({ overwrite: false }), plan, signal);
      }
    }
  },

  'an output without rows has its columns and a manifest': async (place, _driver, signal) => {
    const empty = new SinkPlan({ batches: 0, rowsPerBatch: 1, padding: 0 });
    await runWholeOutput(place.sink({ overwrite: false }), empty, signal);
    assertWhole(await place.published(), empty);
    assert.deepEqual(await place.leftovers(), []);
  },

  'durable bytes that were changed by somebody else are noticed': async (place, { plan }, signal) => {
    await interrupted(place, plan, plan.size.batches, signal);
    await place.spoil();
    await using sink = place.sink({ overwrite: false });
    await refusal('LEDGER_BROKEN', () => sink.open(plan.job, signal));
  },

  'an abort rejects with its reason where it ends something, and the output can be continued': async (
    place,
    { plan },
    signal,
  ) => {
    const aborting = new AbortController();
    const reason = new Error('stopped by the check');
    const last = await (async () => {
      await using sink = place.sink({ overwrite: false });
      await sink.open(plan.job, signal);
      await write(sink, plan, 0, plan.size.batches - 1, signal);
      const ledger = await sink.commit(signal);
      aborting.abort(reason);
      const outcome = await write(sink, plan, plan.size.batches - 1, plan.size.batches, aborting.signal)
        .then(() => sink.commit(aborting.signal))
        .then(
          () => reason,
          (error: unknown) => error,
        );
      // What needs no waiting may be done all the same.
      assert.equal(outcome, reason);
      return ledger;
    })();
    await using sink = place.sink({ overwrite: false });
    assert.deepEqual(await sink.open(plan.job, signal), last);
    await sink.close();
    await runWholeOutput(place.sink({ overwrite: false }), plan, signal);
    assertWhole(await place.published(), plan);
  },

  'a run killed at any of its operations leaves all or nothing visible, and the next completes it': async (
    _place,
    driver,
    signal,
  ) => {
    const { plan, every } = driver.killed;
    const killAt = async (operation: number): Promise<'killed' | 'finished'> => {
      const place = await driver.place();
      try {
        const outcome = await place.killedRun(plan.size, operation);
        const seen = await place.published();
        if (seen !== null) assertWhole(seen, plan);
        await runWholeOutput(place.sink({ overwrite: false }), plan, signal);
        assertWhole(await place.published(), plan);
        assert.deepEqual(await place.leftovers(), [], `killed at operation ${operation}`);
        if (outcome === 'finished')
          assert.ok(operation > 5, `only ${operation} operations of the sink were seen, too few to be all`);
        return outcome;
      } finally {
        await place.close();
      }
    };
    const attempt = (at: number): Promise<'killed' | 'finished'> => killAt(at * every);
    await sideBySide(driver.sideBySide ?? 1, attempt, (outcome) => outcome === 'finished');
  },
} as const satisfies Readonly<Record<string, Clause>>;

type ClauseName = keyof typeof clauses;

/** Clauses that an output of which `inPlace` is true cannot keep. */
const notInPlace: readonly ClauseName[] = [
  'overwriting leaves the old output visible until the new one is published, and nothing of it then',
  'durable bytes that were changed by somebody else are noticed',
];

const ofGrowing: readonly ClauseName[] = [
  'an undisturbed run publishes all rows in order, the dead letters and the manifest, and leaves nothing else',
  'commit gives a ledger of batches that were accepted, never goes back, and comes along',
  'a run that ends anywhere leaves exactly what its last commit returned, and a continuation completes it',
  'a run may be continued again and again',
  'a finished output is refused, and stays as it is',
  'an output without rows has its columns and a manifest',
  'an abort rejects with its reason where it ends something, and the output can be continued',
  'a run killed at any of its operations leaves all or nothing visible, and the next completes it',
];

async function write(
  sink: { write: ReturnType<SinkPlace['sink']>['write'] },
  plan: SinkPlan,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<void> {
  for (let sequence = from; sequence < to; sequence += 1) await sink.write(plan.batch(sequence), plan.schema, signal);
}

/** A run that would replace an output that is there, writes `batches` with a commit before every second, and is given up. Returns what it has for good. */
async function interrupted(
  place: SinkPlace,
  plan: SinkPlan,
  batches: number,
  signal: AbortSignal,
): Promise<Ledger | null> {
  await using sink = place.sink({ overwrite: true });
  await sink.open(plan.job, signal);
  let last: Ledger | null = null;
  for (let sequence = 0; sequence < batches; sequence += 1) {
    if (sequence % 2 === 1) last = await sink.commit(signal);
    await write(sink, plan, sequence, sequence + 1, signal);
  }
  return last === null || last.sequence === 0 ? null : last;
}
