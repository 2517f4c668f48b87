import { findSluiceError, messageOf } from '../../core/error.ts';
import { digestText, type Manifest, type ManifestObject, type ObjectDigest } from '../../core/ledger.ts';
import type { ObjectStore, OutputLookup, OutputState } from '../../core/object-store.ts';
import { type CheckedObject, checkLines, checkRows, type ObjectToCheck } from './checked-object.ts';
import { treeChecksum, wholeChecksum } from './checksum.ts';
import { readManifest } from './read-manifest.ts';

/** What `verifyOutput` found; the output is whole exactly if there is no problem. */
export interface VerifyReport {
  /** One sentence each, naming the file and what differs. */
  readonly problems: readonly string[];
  readonly manifest: Manifest | null;
}

/**
 * Checks a finished output against its manifest: size, checksum, header and records of the rows, lines of the dead
 * letters, and that the counts add up. Reads each object once, and never writes. What is missing, broken or unreadable is a problem
 * in the report, never an exception.
 * @param key of the output, as it was given to the job.
 */
export async function verifyOutput(
  store: ObjectStore & OutputLookup,
  key: string,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const problems: string[] = [];
  try {
    const manifest = await check(store, key, problems, signal);
    return { problems, manifest };
  } catch (error) {
    return { problems: [...problems, messageOf(error)], manifest: null };
  }
}

async function check(
  store: ObjectStore & OutputLookup,
  key: string,
  problems: string[],
  signal: AbortSignal,
): Promise<Manifest | null> {
  const state = await store.look(key, signal);
  const { isThere, run } = state;
  const name = store.name(key);
  // A run that is still to replace a whole output is no fault of it.
  const fault = run !== null && (run.state !== 'open' || !isThere);
  if (fault) problems.push(run.says);
  if (!isThere) {
    if (!fault) problems.push(`There is no output ${name}.`);
    return null;
  }
  let manifest: Manifest | null;
  try {
    manifest = await readManifest(store, state.manifest, signal);
  } catch (error) {
    if (!isMissing(error)) throw error;
    problems.push(`${name} has no manifest (${store.name(state.manifest)}): it is not known what it should hold.`);
    return null;
  }
  if (manifest === null) {
    problems.push(`${store.name(state.manifest)} is no manifest of this version of Sluice, or it was damaged.`);
    return null;
  }
  problems.push(...countProblems(manifest));
  for (const object of manifest.objects)
    problems.push(...(await objectProblems({ store, key, state, manifest }, object, signal)));
  return manifest;
}

function isMissing(error: unknown): boolean {
  return findSluiceError(error)?.code === 'INTAKE_NOT_FOUND';
}

/** What does not add up in a manifest by itself, whatever the output holds: one sentence each. */
export function countProblems({ tally, objects, finished, partitionColumns }: Manifest): string[] {
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
  const rows = objects.filter(({ role }) => role === 'rows');
  // An output that is divided has a file for each partition, and so none without a row.
  if (rows.length === 0 && partitionColumns === undefined) problems.push('The manifest names no rows.');
  const records = rows.reduce((sum, object) => sum + object.records, 0);
  if (partitionColumns !== undefined && records !== scored + failed)
    problems.push(`The manifest counts ${scored + failed} rows scored or failed, but its files have ${records}.`);
  if (Number.isNaN(Date.parse(finished)))
    problems.push(`The manifest was finished at no time that can be: ${finished}.`);
  return problems;
}

interface OutputToCheck {
  readonly store: ObjectStore;
  readonly key: string;
  readonly state: OutputState;
  readonly manifest: Manifest;
}

async function objectProblems(
  { store, key: rows, state, manifest }: OutputToCheck,
  object: ManifestObject,
  signal: AbortSignal,
): Promise<string[]> {
  const isRows = object.role === 'rows';
  // The rows are what the caller named, whatever they were called when they were written.
  const key = isRows && manifest.partitionColumns === undefined ? rows : state.keyOf(object.name);
  const name = store.name(key);
  const checksum = 'sha256' in object ? wholeChecksum : () => treeChecksum(undefined);
  const checked: ObjectToCheck = { store, key, checksum };
  const columns = manifest.columns.filter((name) => manifest.partitionColumns?.includes(name) !== true);
  let found: CheckedObject;
  try {
    found = await (isRows ? checkRows(checked, { ...manifest, columns }, signal) : checkLines(checked, signal));
  } catch (error) {
    return [isMissing(error) ? `${name} is missing; the manifest names it.` : messageOf(error)];
  }
  const problems: string[] = [];
  if (found.bytes !== object.bytes)
    problems.push(`${name} holds ${found.bytes} bytes, the manifest says ${object.bytes}.`);
  const [kind, sum, wanted] = digests(found.digest, object);
  if (sum !== wanted) problems.push(`${name} has ${kind} ${sum}, the manifest says ${wanted}.`);
  if (!found.headerMatches) problems.push(`${name}: the header line is not ${shown(columns)}, as the manifest says.`);
  if (found.fault !== null) {
    problems.push(`${name} cannot be read to its end: ${found.fault}`);
  } else if (found.records !== object.records) {
    const unit = isRows ? 'rows' : 'lines';
    problems.push(`${name} holds ${found.records} ${unit}, the manifest says ${object.records}.`);
  }
  return problems;
}

/** The kind of a checksum, what it is and what it should be. */
function digests(found: ObjectDigest, wanted: ManifestObject): readonly [kind: string, found: string, wanted: string] {
  return ['sha256' in wanted ? 'SHA-256' : 'SHA-256 tree hash', digestText(found), digestText(wanted)];
}

function shown(columns: readonly string[]): string {
  const text = columns.join(', ');
  return text.length > 300 ? `${text.slice(0, 297)}...` : text;
}
