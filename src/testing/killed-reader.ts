import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { BatchLimits } from '../core/batch-limits.ts';
import type { Source } from '../core/source.ts';
import type { AcceptanceCheck } from './acceptance-check.ts';
import { type IntakePlace, readIntake, textsOf } from './read-rows.ts';
import type { SourceDriver } from './source-driver.ts';

/** A source whose reader can be a process of its own. */
export interface KillableSourceDriver extends SourceDriver {
  /** A program that calls `tellBatches` with such a source, and what it is started with. */
  readonly reader: { readonly module: string; readonly args: readonly string[] };
}

const LIMITS: BatchLimits = { rows: 3, bytes: 1024 * 1024, lingerMs: 60_000 };
/** Batches that a reader tells before it is killed. */
const LIFE = 4;

interface ToldBatch extends IntakePlace {
  readonly records: readonly (readonly (string | null)[])[];
}

/** What the program of a killable reader does: reads on from where its last argument says, and tells each batch in a line. */
export async function tellBatches(source: Source): Promise<void> {
  const from = JSON.parse(process.argv.at(-1) ?? 'null') as IntakePlace | null;
  let batches = 0;
  for await (const batch of readIntake(source, from, LIMITS, new AbortController().signal)) {
    // It is killed now, however late the signal comes: one that went on could be through by then.
    if (batches === LIFE) await forever();
    batches += 1;
    const { split, position } = batch.origin;
    const told: ToldBatch = { split, after: position, records: textsOf(batch) };
    await new Promise<unknown>((resolve) => process.stdout.write(`${JSON.stringify(told)}\n`, resolve));
  }
  await source.close();
}

function forever(): Promise<never> {
  return new Promise(() => setInterval(() => undefined, 60_000));
}

/** The check of a reader that is killed again and again, each one while it reads the batch behind the last that it told. */
export function continuesAfterKills(makeDriver: () => Promise<KillableSourceDriver>): AcceptanceCheck {
  return {
    name: 'readers killed with kill -9 in the middle of a batch, each continued by the next, read every row once',
    run: async () => {
      const driver = await makeDriver();
      try {
        const records: (readonly (string | null)[])[] = [];
        let from: IntakePlace | null = null;
        let kills = 0;
        for (let ended = false; !ended; ) {
          const { told, killed } = await oneLife(driver, from);
          for (const batch of told) records.push(...batch.records);
          from = told.at(-1) ?? from;
          kills += killed ? 1 : 0;
          ended = !killed;
          assert.ok(kills <= driver.records.length, 'the readers do not get on');
        }
        assert.ok(kills > 0, 'no reader was killed: the intake is too small');
        assert.deepEqual(records, driver.records);
      } finally {
        await driver.close();
      }
    },
  };
}

/** One process: what it told before it came to the end of the intake or was killed. */
async function oneLife(
  { reader: { module, args } }: KillableSourceDriver,
  from: IntakePlace | null,
): Promise<{ readonly told: readonly ToldBatch[]; readonly killed: boolean }> {
  const child = fork(module, [...args, JSON.stringify(from)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const told: ToldBatch[] = [];
  let text = '';
  for await (const chunk of child.stdout!.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (text + chunk).split('\n');
    // A process may tell more before the signal reaches it; half a line it did not tell.
    text = lines.pop()!;
    for (const line of lines) told.push(JSON.parse(line) as ToldBatch);
    if (told.length >= LIFE) child.kill('SIGKILL');
  }
  const [code, signal] = await ended;
  if (signal === 'SIGKILL') return { told, killed: true };
  assert.equal(code, 0, `the reader ended with ${code ?? signal}`);
  return { told, killed: false };
}
