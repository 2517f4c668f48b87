import { COMMA, encodeField, LF, QUOTE } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { ModelIdentity } from '../../core/model.ts';
import { type OutputFormat, ROWLESS_SCHEMA } from '../../core/output-format.ts';
import { columnNames, type Schema, sameColumns } from '../../core/schema.ts';
import type { OutputRows } from '../../core/scored-batch.ts';
import type { ScoreColumn, Scores } from '../../core/scorer.ts';
import { type JoinPlan, joinRows } from './join.ts';
import { planScored, planUnscored } from './join-plan.ts';
import { nameList } from './nearest-name.ts';
import type { OutputSettings } from './output-settings.ts';
import { statusField, type TailColumns, tailColumns } from './tail-columns.ts';

const encoder = new TextEncoder();

/**
 * The output columns of a job: prediction block, explanations, SHAP, outlier, approval, `prediction_status`, `model_version`,
 * passthrough columns with the association ID; then the names are remapped.
 *
 * An output record is never an empty line: one that would be is written `""`. So a batch that failed as a whole before
 * any reply cannot tell a lone null from a lone empty string behind the predictions; such a cell becomes null, and to
 * give the same bytes whatever the order of the replies, it does so in every failed row. A job in which no row was
 * ever scored and that has no such cells gets a blank `prediction_status` column, as a file without columns is no CSV.
 *
 * Throws COLUMN_UNKNOWN, COLUMN_CONFLICT or CONFIG_INVALID when the settings do not fit the intake.
 * @param known the output's column names from the ledger of an interrupted run; null while it had none.
 */
export function createOutputFormat(
  settings: OutputSettings,
  intake: Schema,
  known?: { readonly columns: readonly string[] | null },
): OutputFormat {
  const tail = tailColumns(settings, intake);
  let schema = known?.columns ? knownSchema(known.columns, tail) : null;
  let unscored = planUnscored(tail, blanksBefore(schema, tail));
  let scored: {
    readonly columns: readonly ScoreColumn[];
    readonly model: string | null;
    readonly plan: JoinPlan;
  } | null = null;

  const planFor = ({ columns, model: answered }: Scores): JoinPlan => {
    const model = settings.includeModelVersion && answered !== null ? modelCell(answered) : null;
    if (scored !== null && scored.model === model && sameScoreColumns(scored.columns, columns)) return scored.plan;
    const { plan, columns: predictions } = planScored(settings, columns, tail, encoder.encode(encodeField(model)));
    const made: Schema = { columns: [...predictions, ...tail.columns] };
    if (schema !== null && !sameColumns(schema, made)) throw otherColumns(schema, made);
    schema ??= made;
    unscored = planUnscored(tail, predictions.length);
    scored = { columns, model, plan };
    return plan;
  };

  return {
    get schema() {
      return schema;
    },
    render(batch, scores) {
      assertFitting(batch.rows, scores);
      if (!sameColumns(batch.schema, intake)) {
        throw new SluiceError('CONTRACT_BROKEN', 'A batch has other columns than the intake that the job began with.');
      }
      const plan = scores.columns.length > 0 ? planFor(scores) : unscored;
      const statuses = scores.failures.map((failure) => statusField(failure.reason));
      return { schema, ...joinRows(plan, batch, scores, statuses) };
    },
    complete(rows, schema) {
      if (rows.schema !== null) return rows;
      return completeRows(rows, schema, tail.names.length);
    },
    unscoredSchema() {
      return tail.columns.length > 0 ? { columns: tail.columns } : ROWLESS_SCHEMA;
    },
  };
}

/** The model in a cell: its id, with the version that it has where the server says so. */
function modelCell({ id, version }: ModelIdentity): string {
  return version === undefined ? id : `${id}@${version}`;
}

function blanksBefore(schema: Schema | null, tail: TailColumns): number {
  return schema === null ? 0 : schema.columns.length - tail.names.length;
}

/** The schema of an earlier run; its last columns must be those that the settings give. */
function knownSchema(names: readonly string[], tail: TailColumns): Schema {
  const made = names.slice(0, Math.max(0, names.length - tail.names.length));
  const schema = { columns: [...made.map((name) => ({ name })), ...tail.columns] };
  if (!sameColumns(schema, { columns: names.map((name) => ({ name })) })) {
    throw new SluiceError(
      'LEDGER_BROKEN',
      `The ledger says that the output has the columns ${nameList(names)}, but the settings of the job end them with ` +
        `${nameList(tail.names)}; restore the ledger, or start anew with --overwrite.`,
    );
  }
  return schema;
}

/** Puts the blank prediction cells before records that were rendered without them. */
function completeRows(rows: OutputRows, schema: Schema, tailCells: number): OutputRows {
  const blanks = schema.columns.length - tailCells;
  if (blanks < 0)
    throw new SluiceError('CONTRACT_BROKEN', 'An output schema lacks the columns behind the predictions.');
  if (blanks === 0) return { ...rows, schema };
  const commas = tailCells === 0 ? blanks - 1 : blanks;
  const ends = new Uint32Array(rows.ends.length);
  const bytes = new Uint8Array(rows.bytes.length + rows.ends.length * (commas + 2));
  let at = 0;
  for (let row = 0; row < ends.length; row += 1) {
    const start = row === 0 ? 0 : rows.ends[row - 1]!;
    const end = rows.ends[row]! - 1;
    bytes.fill(COMMA, at, at + commas);
    at += commas;
    // With at most one cell, `""` stands for a record that would be an empty line; here it is none any more.
    const isLone = tailCells <= 1 && end - start === 2 && rows.bytes[start] === QUOTE;
    if (!isLone) {
      bytes.set(rows.bytes.subarray(start, end), at);
      at += end - start;
    } else if (commas === 0) {
      bytes.fill(QUOTE, at, at + 2);
      at += 2;
    }
    bytes[at] = LF;
    at += 1;
    ends[row] = at;
  }
  return { schema, bytes: bytes.slice(0, at), ends };
}

function assertFitting(rows: number, scores: Scores): void {
  const { failures, columns, ends } = scores;
  const isComplete = columns.length > 0 ? ends.length === rows : failures.length === rows;
  const isSorted = failures.every(({ row }, i) => row > (failures[i - 1]?.row ?? -1) && row < rows);
  if (scores.rows === rows && isComplete && isSorted) return;
  throw new SluiceError(
    'REPLY_MISMATCH',
    `A batch of ${rows} rows has scores for ${scores.rows}, ${ends.length} records and ${failures.length} failures; nothing was written for it.`,
  );
}

function sameScoreColumns(a: readonly ScoreColumn[], b: readonly ScoreColumn[]): boolean {
  return a === b || (a.length === b.length && a.every((column, i) => sameColumn(column, b[i]!)));
}

function sameColumn(a: ScoreColumn, b: ScoreColumn): boolean {
  if (a === b) return true;
  if (a.name !== b.name || a.role.kind !== b.role.kind) return false;
  if (a.role.kind === 'probability') return b.role.kind === 'probability' && a.role.label === b.role.label;
  if (a.role.kind !== 'explanation') return true;
  return b.role.kind === 'explanation' && a.role.rank === b.role.rank && a.role.part === b.role.part;
}

function otherColumns(before: Schema, now: Schema): SluiceError {
  return new SluiceError(
    'REPLY_MISMATCH',
    `A reply makes the output columns ${nameList(columnNames(now))}, but the output so far has ${nameList(columnNames(before))}; ` +
      'has the deployment been changed?',
  );
}
