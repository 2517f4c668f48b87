import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import { defaultCsvSettings } from '../../codecs/csv/csv-settings.ts';
import { systemClock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import { loadConfiguration } from '../../jobs/configuration.ts';
import { addActuals } from '../../jobs/monitoring/add-actuals.ts';
import { openNamedRows } from '../../jobs/monitoring/named-rows.ts';
import { predictionLogPath } from '../../jobs/monitoring/prediction-log-path.ts';
import { stateFolder } from '../../jobs/state-folder.ts';
import { type AccuracyReport, accuracyOf } from '../../monitoring/accuracy.ts';
import type { Accuracy } from '../../monitoring/accuracy-metrics.ts';
import { deploymentsOf, openLogDatabase } from '../../monitoring/prediction-log.ts';
import { BUCKET_SIZES, type BucketSize } from '../../monitoring/time-bucket.ts';
import { nameList } from '../../scoring/output/nearest-name.ts';
import { count } from '../progress-text.ts';

interface Options {
  readonly deployment?: string;
  readonly associationId: string;
  readonly actualValue: string;
  readonly timestamp?: string;
  readonly bucket: BucketSize;
  readonly config?: string;
  readonly delimiter?: string;
  readonly json: boolean;
}

/** `sluice actuals [FILE]`. */
export function actualsCommand(): Command {
  return new Command('actuals')
    .description('Takes what came true for rows that were scored, and says how good the predictions were.')
    .argument('[file]', 'a file of any format with the columns associationId and actualValue; left out: only says')
    .option('--deployment <id>', 'the deployment; may be left out while there is only one')
    .option('--association-id <column>', 'column with the ID of the row', 'associationId')
    .option('--actual-value <column>', 'column with what came true', 'actualValue')
    .option('--timestamp <column>', 'column with the time of it (timestamp, where there is one)')
    .addOption(
      new Option('--bucket <size>', 'accuracy by the time at which rows were scored, UTC')
        .choices(BUCKET_SIZES)
        .default('day'),
    )
    .option('--delimiter <char>', 'one character, or tab')
    .option('--config <file>', 'configuration with the state folder')
    .option('--json', 'print one line of JSON', false)
    .addHelpText(
      'after',
      `
Predictions are kept by jobs whose deployment has accuracy: true and an associationId, in the state folder (SLUICE_STATE,
stateFolder of the configuration, or .sluice). A later actual of the same ID replaces the earlier one.

Examples:
  sluice actuals actuals.csv
  sluice actuals --deployment flights --bucket week --json

Exit codes: 0 done, 1 failed, 2 bad arguments.`,
    )
    .action(async (file: string | undefined, options: Options) => {
      const configuration = options.config === undefined ? undefined : loadConfiguration(options.config);
      const path = predictionLogPath(stateFolder(process.env, configuration));
      if (!existsSync(path))
        throw new SluiceError(
          'INTAKE_NOT_FOUND',
          `There is no ${path}: no job has kept predictions. Run one whose deployment has accuracy: true and an associationId.`,
        );
      const database = await openLogDatabase(path);
      try {
        const deployment = chosen(options.deployment, deploymentsOf(database), path);
        const { associationId, actualValue, timestamp = null, delimiter } = options;
        let kept = 0;
        if (file !== undefined) {
          const csvSettings = { ...defaultCsvSettings, ...(delimiter === undefined ? {} : { delimiter }) };
          const rows = openNamedRows({ source: file, csvSettings, s3: {}, configuration }, systemClock);
          const columns = { associationId, actualValue, timestamp };
          kept = await addActuals(database, deployment, rows, columns, new AbortController().signal);
        }
        const report = accuracyOf(database, deployment, options.bucket);
        process.stdout.write(options.json ? `${JSON.stringify({ kept, ...report })}\n` : reportText(kept, report));
      } finally {
        database.close();
      }
    });
}

function chosen(wanted: string | undefined, known: readonly string[], path: string): string {
  if (wanted !== undefined && known.includes(wanted)) return wanted;
  if (wanted === undefined && known.length === 1) return known[0]!;
  const what = wanted === undefined ? 'Name one with --deployment' : `There is no deployment "${wanted}"`;
  throw new SluiceError('CONFIG_INVALID', `${what}: ${path} has ${nameList(known) || 'none'}.`);
}

function reportText(kept: number, report: AccuracyReport): string {
  const { deployment, predictions, actuals, actualsWithoutPrediction, unusable, overall, buckets, bucket } = report;
  const lines = [
    ...(kept > 0 ? [`${count(kept)} actuals taken`] : []),
    `${deployment}: ${count(predictions)} predictions, ${count(actuals)} actuals, ${count(actualsWithoutPrediction)} of them without a prediction`,
    ...(unusable > 0 ? [`${count(unusable)} actuals are no numbers where the predictions are; they are left out`] : []),
    overall === null ? 'No row has both yet.' : `all: ${accuracyText(overall)}`,
    ...(bucket === 'all'
      ? []
      : buckets.map(({ start, accuracy }) => `${startText(start, bucket)}: ${accuracyText(accuracy)}`)),
  ];
  return `${lines.join('\n')}\n`;
}

function startText(start: string, bucket: BucketSize): string {
  return bucket === 'hour' ? start.slice(0, 16) : start.slice(0, bucket === 'month' ? 7 : 10);
}

function accuracyText(accuracy: Accuracy): string {
  const rows = `${count(accuracy.rows)} rows`;
  if (accuracy.kind === 'regression')
    return `${rows}, RMSE ${figure(accuracy.rmse)}, MAE ${figure(accuracy.mae)}, R² ${figure(accuracy.r2)}`;
  const right = `${figure(100 * accuracy.accuracy)} % right`;
  if (accuracy.kind === 'multiclass') return `${rows}, ${right}`;
  return `${rows}, log loss ${figure(accuracy.logLoss)}, AUC ${figure(accuracy.auc)}, ${right}`;
}

function figure(value: number | null): string {
  return value === null ? '-' : String(Number(value.toPrecision(4)));
}
