import { stat } from 'node:fs/promises';
import { type Manifest, type ManifestObject, messageOf } from '../../src/sdk.ts';
import { type CheckedObject, checkLines, checkRows } from './checked-object.ts';
import { errnoOf, intakeFault } from './file-fault.ts';
import { readLedger } from './file-ledger.ts';
import { readManifest } from './manifest-file.ts';
import { besideOutput, type OutputPaths, outputPaths } from './output-paths.ts';
import { exists } from './output-state.ts';

/** What `verifyOutput` found; the output is whole exactly if there is no problem. */
export interface VerifyReport {
  /** One sentence each, naming the file and what differs. */
  readonly problems: readonly string[];
  readonly manifest: Manifest | null;
}

/**
 * Checks a finished output against its manifest: size, SHA-256, header and records of the rows, lines of the dead
 * letters, and that the counts add up. Reads the files once, and never writes. What is missing, broken or unreadable is a problem
 * in the report, never an exception.
 * @param path of the output, as it was given to the job.
 */
export async function verifyOutput(path: string): Promise<VerifyReport> {
  const problems: string[] = [];
  try {
    const manifest = await check(outputPaths(path, null), problems);
    return { problems, manifest };
  } catch (error) {
    return { problems: [...problems, messageOf(intakeFault(error, path))], manifest: null };
  }
}

async function check(paths: OutputPaths, problems: string[]): Promise<Manifest | null> {
  const found = await stat(paths.rows).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw error;
  });
  if (found !== null && !found.isFile()) {
    problems.push(`${paths.name} is no file. Name the output that a run was given.`);
    return null;
  }
  const unfinished = await unfinishedRun(paths, found !== null);
  if (unfinished !== null) problems.push(unfinished);
  if (found === null) {
    if (unfinished === null) problems.push(`There is no output ${paths.name}.`);
    return null;
  }
  if (!(await exists(paths.manifest))) {
    problems.push(`${paths.name} has no manifest (${paths.manifest}): it is not known what it should hold.`);
    return null;
  }
  const manifest = await readManifest(paths.manifest);
  if (manifest === null) {
    problems.push(`${paths.manifest} is no manifest of this version of Sluice, or it was damaged.`);
    return null;
  }
  problems.push(...countProblems(manifest));
  for (const object of manifest.objects) problems.push(...(await objectProblems(paths, manifest, object)));
  return manifest;
}

/** What stands beside the output of a run that has not finished. One that is still to replace a whole output is no fault of it. */
async function unfinishedRun(paths: OutputPaths, outputExists: boolean): Promise<string | null> {
  const again = 'Run the same job again: it continues.';
  const ledger = await readLedger(paths).catch((error: unknown) => messageOf(error));
  if (typeof ledger === 'string') return ledger;
  if (ledger?.state === 'publishing') return `${paths.name} was interrupted while it was being finished. ${again}`;
  if (outputExists) return null;
  if (ledger !== null) return `${paths.name} is unfinished: ${ledger.bytes.rows} bytes of it are durable. ${again}`;
  if (!(await exists(paths.partial.rows))) return null;
  return `${paths.name} is unfinished, and nothing of it is durable yet. Run the job again.`;
}

function countProblems({ tally, objects, finished }: Manifest): string[] {
  const problems: string[] = [];
  const { read, scored, failed, skipped } = tally;
  if (read !== scored + failed + skipped) {
    problems.push(
      `The manifest counts ${read} rows read, but ${scored} scored, ${failed} failed and ${skipped} skipped are ${scored + failed + skipped}.`,
    );
  }
  const letters = objects.filter(({ role }) => role === 'deadLetters').reduce((sum, { records }) => sum + records, 0);
  if (letters !== failed + skipped) {
    problems.push(`The manifest counts ${failed + skipped} rows failed or skipped, but ${letters} dead letters.`);
  }
  if (!objects.some(({ role }) => role === 'rows')) problems.push('The manifest names no rows.');
  if (Number.isNaN(Date.parse(finished)))
    problems.push(`The manifest was finished at no time that can be: ${finished}.`);
  return problems;
}

async function objectProblems(paths: OutputPaths, manifest: Manifest, object: ManifestObject): Promise<string[]> {
  const isRows = object.role === 'rows';
  // The rows are what the caller named, whatever they were called when they were written.
  const file = isRows ? paths.rows : besideOutput(paths, object.name);
  const name = isRows ? paths.name : file;
  const { signal } = new AbortController();
  let found: CheckedObject;
  try {
    found = await (isRows ? checkRows(file, manifest, signal) : checkLines(file, signal));
  } catch (error) {
    return [
      errnoOf(error) === 'ENOENT' ? `${name} is missing; the manifest names it.` : messageOf(intakeFault(error, name)),
    ];
  }
  const problems: string[] = [];
  if (found.bytes !== object.bytes)
    problems.push(`${name} holds ${found.bytes} bytes, the manifest says ${object.bytes}.`);
  if (found.sha256 !== object.sha256)
    problems.push(`${name} has SHA-256 ${found.sha256}, the manifest says ${object.sha256}.`);
  if (!found.headerMatches)
    problems.push(`${name}: the header line is not ${shown(manifest.columns)}, as the manifest says.`);
  if (found.fault !== null) {
    problems.push(`${name} cannot be read to its end: ${found.fault}`);
  } else if (found.records !== object.records) {
    const unit = isRows ? 'rows' : 'lines';
    problems.push(`${name} holds ${found.records} ${unit}, the manifest says ${object.records}.`);
  }
  return problems;
}

function shown(columns: readonly string[]): string {
  const text = columns.join(', ');
  return text.length > 300 ? `${text.slice(0, 297)}...` : text;
}
