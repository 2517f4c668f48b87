import { readFile } from 'node:fs/promises';
import type { Manifest } from '../../src/sdk.ts';

/** Reads `<out>.manifest.json`; null when what stands there is no manifest of this version. Errors of the file system come as they are. */
export async function readManifest(path: string): Promise<Manifest | null> {
  const text = await readFile(path, 'utf8');
  try {
    const value: unknown = JSON.parse(text);
    return isManifest(value) ? value : null;
  } catch {
    return null;
  }
}

function isManifest(value: unknown): value is Manifest {
  if (!isRecord(value) || value['version'] !== 1) return false;
  const { job, tally, columns, model, intakeBytes, finished, objects } = value;
  return (
    isRecord(job) &&
    isRecord(tally) &&
    ['read', 'scored', 'failed', 'skipped'].every((name) => isCount(tally[name])) &&
    Array.isArray(columns) &&
    columns.every((column) => typeof column === 'string') &&
    (model === null || (isRecord(model) && typeof model['id'] === 'string')) &&
    isCount(intakeBytes) &&
    typeof finished === 'string' &&
    Array.isArray(objects) &&
    objects.every(isManifestObject)
  );
}

function isManifestObject(value: unknown): boolean {
  return (
    isRecord(value) &&
    (value['role'] === 'rows' || value['role'] === 'deadLetters') &&
    typeof value['name'] === 'string' &&
    isCount(value['bytes']) &&
    isCount(value['records']) &&
    typeof value['sha256'] === 'string'
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
