import { createHash } from 'node:crypto';
import { SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import {
  assertSameJob,
  freshLedger,
  type JobIdentity,
  type Ledger,
  ledgerAfter,
  type Manifest,
} from '../../core/ledger.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import { outputRows, type ScoredBatch } from '../../core/scored-batch.ts';
import type { ManifestFacts, Sink } from '../../core/sink.ts';
import { deadLetterLine } from '../objects/dead-letter-line.ts';
import type { LineRole, TransactionalStore } from './transactional-store.ts';

/** So much is gathered at the most before it is appended without being asked to. */
const GATHERED_BYTES = 8 * 1024 * 1024;

const roles = ['rows', 'deadLetters'] as const satisfies readonly LineRole[];

/** What the run under way holds of one role. The checksum is a chain over its lines, so that it can be continued. */
type Holding = { readonly records: number; readonly bytes: number; readonly sha256: string };
type Holdings = Readonly<Record<LineRole, Holding>>;

const NOTHING: Holding = { records: 0, bytes: 0, sha256: '' };

export interface TransactionalSinkOptions {
  /** Replace a finished output, throw away an interrupted run. */
  readonly overwrite: boolean;
}

/** A sink with the guarantee `exactly-once` over a system with transactions: lines and ledger become durable in one. */
export function createTransactionalSink(store: TransactionalStore, { overwrite }: TransactionalSinkOptions): Sink {
  let accepted: Ledger | undefined;
  let durable: Ledger | undefined;
  let held: Holdings = { rows: NOTHING, deadLetters: NOTHING };
  let gathered: Record<LineRole, string[]> = { rows: [], deadLetters: [] };
  let bytes = 0;

  const opened = (): Ledger => {
    if (accepted !== undefined) return accepted;
    throw new SluiceError('CONTRACT_BROKEN', `${store.name} is written without being open`);
  };
  const append = async (signal: AbortSignal): Promise<Ledger> => {
    const ledger: Ledger = { ...opened(), holds: held };
    if (durable !== undefined && durable.sequence === ledger.sequence) return durable;
    signal.throwIfAborted();
    await store.append(gathered, ledger as unknown as Json, signal);
    [gathered, bytes] = [{ rows: [], deadLetters: [] }, 0];
    durable = ledger;
    return ledger;
  };
  const gather = (role: LineRole, lines: readonly string[]): void => {
    gathered[role].push(...lines);
    held = { ...held, [role]: grown(held[role], lines) };
    bytes += lines.reduce((sum, { length }) => sum + length, 0);
  };
  const close = (): Promise<void> => store.close();

  return {
    guarantee: 'exactly-once',
    check: async (signal) => {
      const { isFinished } = await store.check(signal);
      if (isFinished && !overwrite) throw finished(store.name);
    },
    open: async (job: JobIdentity, signal) => {
      const { note, isFinished } = await store.take(signal);
      if (note !== null && overwrite) await store.forget();
      const found = overwrite ? null : (note as unknown as Ledger | null);
      if (found === null && isFinished && !overwrite) throw finished(store.name);
      if (found !== null) {
        assertSameJob(found.job, job, store.name);
        held = found.holds as unknown as Holdings;
        for (const role of roles) await assertUnchanged(store, role, held[role], signal);
      }
      accepted = found ?? freshLedger(job);
      durable = accepted;
      return found;
    },
    write: async (batch: ScoredBatch, schema: Schema, signal) => {
      const before = opened();
      signal.throwIfAborted();
      gather('rows', linesOf(batch));
      gather(
        'deadLetters',
        batch.deadLetters.map((letter) => deadLetterLine(letter, outputRows(before.tally)).trimEnd()),
      );
      accepted = ledgerAfter(before, batch, columnNames(schema));
      if (bytes >= GATHERED_BYTES) await append(signal);
    },
    commit: append,
    publish: async (facts: ManifestFacts, schema: Schema, signal) => {
      await append(signal);
      const objects = roles.flatMap((role) =>
        role === 'rows' || held[role].records > 0 ? [{ role, name: store.name, ...held[role] }] : [],
      );
      const manifest: Manifest = { ...facts, columns: columnNames(schema), objects };
      await store.publish(manifest as unknown as Json, signal);
      return manifest;
    },
    discard: () => store.forget(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function linesOf({ output: { bytes, ends } }: ScoredBatch): string[] {
  return Array.from(ends, (end, row) => decoder.decode(bytes.subarray(row === 0 ? 0 : ends[row - 1], end - 1)));
}

function grown(before: Holding, lines: Iterable<string>): Holding {
  let { records, bytes, sha256 } = before;
  for (const line of lines) {
    records += 1;
    bytes += Buffer.byteLength(line);
    sha256 = createHash('sha256').update(sha256).update(line).digest('hex');
  }
  return { records, bytes, sha256 };
}

/** Throws LEDGER_BROKEN when the store does not hold what the ledger says. */
async function assertUnchanged(
  store: TransactionalStore,
  role: LineRole,
  wanted: Holding,
  signal: AbortSignal,
): Promise<void> {
  let found = NOTHING;
  for await (const line of store.lines(role, signal)) found = grown(found, [line]);
  if (found.records === wanted.records && found.sha256 === wanted.sha256) return;
  throw new SluiceError(
    'LEDGER_BROKEN',
    `${store.name} does not hold the ${wanted.records} ${role === 'rows' ? 'rows' : 'dead letters'} that its ledger says; ` +
      'restore it, or start anew with --overwrite.',
  );
}

function finished(name: string): SluiceError {
  return new SluiceError(
    'OUTPUT_EXISTS',
    `${name} holds a finished output already. Choose another place, or replace it with --overwrite.`,
  );
}
