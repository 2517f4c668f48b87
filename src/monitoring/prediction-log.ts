import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { messageOf, SluiceError } from '../core/error.ts';
import type { Associations } from '../core/monitor.ts';
import { LOG_TABLES } from './log-tables.ts';

/** Predictions of one deployment that are kept; beyond this the oldest go, when a job ends. */
const MOST_PREDICTIONS_KEPT = 5_000_000;
const WAIT_MS = 30_000;
/** The sequence of rows that failed at first, and were scored by a replay of dead letters: their `row` is their place in the output. */
export const REPLAYED = -1;
/** Rows that wait for the next transaction. */
const GATHERED_ROWS = 20_000;

/** The job whose predictions are written. */
export interface LoggedJob {
  readonly deployment: string;
  /** The same on every run of the job into the same output, and another for any other. */
  readonly key: string;
  /** What its owner knows it by; null: nothing. */
  readonly name: string | null;
}

/** Opens the database of predictions and actuals, and makes it if there is none. Throws OUTPUT_UNWRITABLE. */
export async function openLogDatabase(path: string): Promise<DatabaseSync> {
  // Only those who use it pay for its start.
  const { DatabaseSync } = await import('node:sqlite');
  try {
    mkdirSync(dirname(path), { recursive: true });
    const database = new DatabaseSync(path, { timeout: WAIT_MS });
    // Jobs of several processes write to it, each in short transactions.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`);
    database.exec(LOG_TABLES);
    addJobNames(database);
    return database;
  } catch (error) {
    throw unusable(path, error);
  }
}

/** A database of an earlier version has no names of jobs. */
function addJobNames(database: DatabaseSync): void {
  const hasNames = (): boolean =>
    database.prepare("SELECT 1 FROM pragma_table_info('jobs') WHERE name = 'name'").get() !== undefined;
  if (hasNames()) return;
  // Several processes may open it at once.
  database.exec('BEGIN IMMEDIATE');
  if (!hasNames()) database.exec('ALTER TABLE jobs ADD COLUMN name TEXT');
  database.exec('COMMIT');
}

/** The deployments that predictions are kept of. */
export function deploymentsOf(database: DatabaseSync): readonly string[] {
  const found = database.prepare('SELECT DISTINCT deployment FROM jobs ORDER BY deployment').all();
  return found.map(({ deployment }) => String(deployment));
}

/** Predictions that are not written yet. */
interface Gathered {
  readonly sequence: number;
  readonly associations: Associations;
  readonly scored: number;
}

/**
 * The predictions of one job by association ID. A row is known by the job, the sequence of its batch and its index, and a batch with
 * the same sequence always holds the same rows: written twice it is there once. `commit` comes before the commit of the output, and
 * what the output's ledger does not have is removed at the beginning: after any crash the two say the same.
 */
export class PredictionLog {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #job: number;
  readonly #deployment: string;
  readonly #insert: StatementSync;
  readonly #gathered: Gathered[] = [];
  #gatheredRows = 0;

  private constructor(database: DatabaseSync, path: string, job: LoggedJob) {
    this.#database = database;
    this.#path = path;
    this.#deployment = job.deployment;
    database
      .prepare('INSERT INTO jobs (key, deployment, name) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING')
      .run(job.key, job.deployment, job.name);
    this.#job = Number(database.prepare('SELECT id FROM jobs WHERE key = ?').get(job.key)!['id']);
    this.#insert = database.prepare(
      `INSERT OR REPLACE INTO predictions (job, sequence, "row", deployment, association, scored, prediction, class, probability)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  /**
   * @param sequence batches from here on are not in the output: they will be written again, or never. 0: an output that is begun anew, by which
   * what was replayed is gone, too.
   */
  static async open(path: string, job: LoggedJob, sequence: number): Promise<PredictionLog> {
    const database = await openLogDatabase(path);
    try {
      const log = new PredictionLog(database, path, job);
      if (sequence === 0) log.#forget();
      else if (sequence !== Number.POSITIVE_INFINITY)
        database.prepare('DELETE FROM predictions WHERE job = ? AND sequence >= ?').run(log.#job, sequence);
      return log;
    } catch (error) {
      database.close();
      throw unusable(path, error);
    }
  }

  /** @param wallMs when the rows were scored. */
  add(sequence: number, associations: Associations, wallMs: number): void {
    this.#gathered.push({ sequence, associations, scored: Math.floor(wallMs) });
    this.#gatheredRows += associations.ids.length;
    // What is early is no harm: it goes at the next beginning unless the output has it.
    if (this.#gatheredRows >= GATHERED_ROWS) this.commit();
  }

  /** What was added is durable when this returns. */
  commit(): void {
    if (this.#gathered.length === 0) return;
    this.#guarded(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        for (const batch of this.#gathered) this.#write(batch);
        this.#database.exec('COMMIT');
      } catch (error) {
        this.#database.exec('ROLLBACK');
        throw error;
      }
    });
    this.#gathered.length = 0;
    this.#gatheredRows = 0;
  }

  /** The oldest predictions of the deployment go, beyond what is kept. */
  prune(most = MOST_PREDICTIONS_KEPT): void {
    this.#guarded(() => {
      const { rows } = this.#database
        .prepare('SELECT count(*) AS rows FROM predictions WHERE deployment = ?')
        .get(this.#deployment)!;
      if (Number(rows) <= most) return;
      this.#database
        .prepare(
          `DELETE FROM predictions WHERE deployment = ?1 AND scored <=
             (SELECT scored FROM predictions WHERE deployment = ?1 ORDER BY scored DESC LIMIT 1 OFFSET ?2)`,
        )
        .run(this.#deployment, most);
    });
  }

  /** Nothing of the job remains. */
  forget(): void {
    this.#gathered.length = 0;
    this.#guarded(() => this.#forget());
  }

  /** What was not committed is gone. */
  close(): void {
    this.#database.close();
  }

  #forget(): void {
    this.#database.prepare('DELETE FROM predictions WHERE job = ?').run(this.#job);
  }

  #write({ sequence, scored, associations }: Gathered): void {
    const { ids, rows, predictions, positiveClass, probabilities } = associations;
    for (const [i, id] of ids.entries()) {
      const probability = probabilities[i] ?? null;
      const written = [scored, predictions[i]!, positiveClass, probability] as const;
      this.#insert.run(this.#job, sequence, rows[i]!, this.#deployment, id, ...written);
    }
  }

  #guarded(task: () => void): void {
    try {
      task();
    } catch (error) {
      throw unusable(this.#path, error);
    }
  }
}

function unusable(path: string, error: unknown): SluiceError {
  return new SluiceError(
    'OUTPUT_UNWRITABLE',
    `${path}, which keeps predictions for actuals, cannot be used: ${messageOf(error)}. Check the rights and the space of the disk, or set accuracy: false.`,
    { cause: error },
  );
}
