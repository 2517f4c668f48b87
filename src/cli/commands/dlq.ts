import { Command } from 'commander';
import { keptLetterLine } from '../../codecs/objects/dead-letter-line.ts';
import { systemClock } from '../../core/clock.ts';
import type { KeptLetter } from '../../core/scored-batch.ts';
import { loadConfiguration } from '../../jobs/configuration.ts';
import { openLetterBoxes } from '../../jobs/dead-letters/letter-boxes.ts';
import { type LetterList, listLetters } from '../../jobs/dead-letters/list-letters.ts';
import { loadMendedRows } from '../../jobs/dead-letters/mended-rows.ts';
import { replayJob } from '../../jobs/dead-letters/replay-job.ts';
import type { ReplayReport } from '../../jobs/dead-letters/replay-report.ts';
import { type JobDescription, loadJob } from '../../jobs/description/parse-job.ts';
import { withServer } from '../../jobs/description/with-server.ts';
import { count } from '../progress-text.ts';
import { wholeNumber } from '../whole-number.ts';

interface JobOptions {
  readonly config?: string;
  readonly brokers?: string;
  readonly json: boolean;
}

interface ShowOptions extends JobOptions {
  readonly row?: number;
  readonly split?: string;
  readonly limit: number;
}

interface ReplayCommandOptions extends JobOptions {
  readonly server?: string;
  readonly deployment?: string;
  readonly letters?: string;
  readonly allowModelChange: boolean;
}

const SHOWN = 20;

/** `sluice dlq list | show | replay JOB`. */
export function dlqCommand(): Command {
  const command = new Command('dlq').description(
    'Dead letters: the rows of a job that could not be scored. Lists their causes, shows them, scores them again.',
  );
  command.addCommand(listCommand().exitOverride());
  command.addCommand(showCommand().exitOverride());
  command.addCommand(replayCommand().exitOverride());
  return command;
}

function listCommand(): Command {
  return jobCommand('list', 'Says why rows failed: each cause with how many, and examples.')
    .addHelpText('after', '\nExamples:\n  sluice dlq list job.yaml\n  sluice dlq list job.yaml --json')
    .action(async (file: string, options: JobOptions) => {
      const { signal } = new AbortController();
      await using boxes = await openLetterBoxes(jobOf(file, options), systemClock, signal);
      const list = await listLetters(boxes.readers, signal);
      process.stdout.write(options.json ? listJson(list) : listText(list));
    });
}

function showCommand(): Command {
  return jobCommand('show', 'Shows dead letters: where each row was read, why it failed, and the row.')
    .option('--row <number>', 'only the row of this number in its file (or split), from 0', wholeNumber)
    .option('--split <name>', 'only rows of this file (or split)')
    .option('--limit <number>', `how many at the most; 0 for all (${SHOWN})`, wholeNumber, SHOWN)
    .addHelpText(
      'after',
      `
With --json, one line of JSON each: what \`replay --letters\` takes, once \`bytes\` is corrected.

Examples:
  sluice dlq show job.yaml --limit 5
  sluice dlq show job.yaml --row 1041
  sluice dlq show job.yaml --limit 0 --json > letters.jsonl`,
    )
    .action(async (file: string, options: ShowOptions) => {
      const { signal } = new AbortController();
      await using boxes = await openLetterBoxes(jobOf(file, options), systemClock, signal);
      let left = options.limit === 0 ? Number.POSITIVE_INFINITY : options.limit;
      // Whoever reads them has left (`| head`).
      process.stdout.once('error', () => {
        left = 0;
      });
      for (const reader of boxes.readers) {
        for await (const letter of reader.read(signal)) {
          if (options.row !== undefined && letter.row !== options.row) continue;
          if (options.split !== undefined && letter.split !== options.split) continue;
          process.stdout.write(options.json ? keptLetterLine(letter) : letterText(letter));
          left -= 1;
          if (left <= 0) return;
        }
      }
    });
}

function replayCommand(): Command {
  return jobCommand(
    'replay',
    'Scores the dead letters again and completes the finished output with them, exactly once.',
  )
    .option('--server <url>', "another prediction server, in place of the job's")
    .option('--deployment <id>', 'another deployment; it takes --allow-model-change')
    .option(
      '--letters <file>',
      'rows that you have corrected: lines of `dlq show --json`, with other `bytes`; all others are tried as they are',
    )
    .option(
      '--allow-model-change',
      'take the model that answers, though the output is of another one; the manifest names both',
      false,
    )
    .addHelpText(
      'after',
      `
The output is written anew beside itself and replaced as a whole (a table: in one transaction; a folder divided by columns: those of its
files that change; the parts of a live topic: each by itself; to a topic rows are written behind what is there, in transactions). Rows that fail again stay dead letters, with the reason of now. Replaying once more does what is left; without anything left it changes nothing.

Examples:
  sluice dlq replay job.yaml
  sluice dlq replay job.yaml --letters corrected.jsonl
  sluice dlq replay job.yaml --server http://127.0.0.1:8200 --allow-model-change`,
    )
    .action(async (file: string, options: ReplayCommandOptions) => {
      const { signal } = new AbortController();
      const configuration = options.config === undefined ? undefined : loadConfiguration(options.config);
      const given = jobOf(file, options);
      const job = withServer(given, options, configuration);
      const mended = options.letters === undefined ? new Map<string, Uint8Array>() : loadMendedRows(options.letters);
      const { allowModelChange: anyModel } = options;
      const deployment = given.deployment.id;
      const reports = await replayJob(job, { clock: systemClock, anyModel, deployment, mended }, signal);
      process.stdout.write(
        options.json ? `${JSON.stringify(reports.map(reportJson))}\n` : reports.map(reportText).join(''),
      );
    });
}

function jobCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<job>', 'the job file')
    .option('--config <file>', 'configuration with the deployments that deploymentId names')
    .option('--brokers <list>', "the Kafka cluster, host:port separated by commas, in place of the job's own")
    .option('--json', 'print JSON', false);
}

function jobOf(file: string, { config, brokers }: JobOptions): JobDescription {
  const configuration = config === undefined ? undefined : loadConfiguration(config);
  return loadJob(file, { configuration, brokers });
}

function listText({ outputs, letters, causes }: LetterList): string {
  const lines = [`${outputs.join(', ')}: ${count(letters)} dead letters`];
  for (const { kind, cause, letters: own, examples } of causes) {
    lines.push(`${count(own)} ${kind}: ${cause === '' ? 'other causes' : plain(cause)}`);
    for (const letter of examples) lines.push(`    ${placeText(letter)}: ${excerpt(letter.bytes, 100)}`);
  }
  return `${lines.join('\n')}\n`;
}

function listJson({ outputs, letters, causes }: LetterList): string {
  const list = causes.map((cause) => ({
    ...cause,
    examples: cause.examples.map((letter): unknown => JSON.parse(keptLetterLine(letter))),
  }));
  return `${JSON.stringify({ outputs, letters, causes: list })}\n`;
}

function letterText(letter: KeptLetter): string {
  const { kind, reason, attempts, bytes } = letter;
  const asked = attempts === 0 ? '' : `, ${count(attempts)} requests`;
  return `${placeText(letter)}: ${kind}${asked}\n  ${plain(reason)}\n  ${excerpt(bytes, 2_000)}\n`;
}

function placeText({ split, row, line }: KeptLetter): string {
  const parts = [row === null ? null : `row ${row}`, line === null ? null : `line ${line}`].filter(
    (part) => part !== null,
  );
  return parts.length === 0 ? split : `${split} ${parts.join(', ')}`;
}

function excerpt(bytes: Uint8Array, length: number): string {
  const text = Buffer.from(bytes).toString('utf8');
  return plain(text.length > length ? `${text.slice(0, length)}… (${count(bytes.length)} bytes)` : text);
}

/** Rows, and reasons that quote them, hold whatever somebody sent: nothing in them may steer a terminal. */
function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (one) => {
    const escaped = JSON.stringify(one).slice(1, -1);
    return escaped === one ? `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}` : escaped;
  });
}

function reportText({ output, letters, scored, failed, untried, manifest }: ReplayReport): string {
  if (letters === 0) return `${output}: no dead letters, nothing to replay\n`;
  const left = untried > 0 ? `, ${count(untried)} cannot be tried` : '';
  // A topic has the letters that failed again anew.
  const then = scored === 0 && manifest !== null ? '; nothing was changed' : '';
  return `${output}: ${count(letters)} dead letters; ${count(scored)} scored now, ${count(failed)} failed again${left}${then}\n`;
}

function reportJson({ output, letters, scored, failed, untried, manifest }: ReplayReport): object {
  return { output, letters, scored, failed, untried, ...(manifest === null ? {} : { tally: manifest.tally }) };
}
