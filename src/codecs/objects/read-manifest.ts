import type { Manifest } from '../../core/ledger.ts';
import type { ObjectStore } from '../../core/object-store.ts';

/** Reads the manifest of an output; null when what stands there is none of this version. Throws what the store does: INTAKE_NOT_FOUND for none. */
export async function readManifest(store: ObjectStore, key: string, signal: AbortSignal): Promise<Manifest | null> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.read(key, 0, signal)) chunks.push(Uint8Array.from(chunk));
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return isManifest(value) ? value : null;
  } catch {
    return null;
  }
}

function isManifest(value: unknown): value is Manifest {
  if (!isRecord(value) || value['version'] !== 1) return false;
  const { job, tally, columns, model, intakeBytes, finished, objects, partitionColumns, replaced, intake, models } =
    value;
  return (
    isRecord(job) &&
    isRecord(tally) &&
    ['read', 'scored', 'failed', 'skipped'].every((name) => isCount(tally[name])) &&
    isNames(columns) &&
    (partitionColumns === undefined || isNames(partitionColumns)) &&
    (replaced === undefined || isNames(replaced)) &&
    (intake === undefined || intake === null || isColumns(intake)) &&
    (model === null || isModel(model)) &&
    (models === undefined || (Array.isArray(models) && models.every(isModelRows))) &&
    isCount(intakeBytes) &&
    typeof finished === 'string' &&
    Array.isArray(objects) &&
    objects.every(isManifestObject)
  );
}

function isModel(value: unknown): boolean {
  return isRecord(value) && typeof value['id'] === 'string';
}

function isModelRows(value: unknown): boolean {
  return isRecord(value) && isModel(value['model']) && isCount(value['rows']);
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name: unknown) => typeof name === 'string');
}

function isColumns(value: unknown): boolean {
  return Array.isArray(value) && value.every((column) => isRecord(column) && typeof column['name'] === 'string');
}

function isManifestObject(value: unknown): boolean {
  return (
    isRecord(value) &&
    (value['role'] === 'rows' || value['role'] === 'deadLetters') &&
    typeof value['name'] === 'string' &&
    isCount(value['bytes']) &&
    isCount(value['records']) &&
    (typeof value['sha256'] === 'string' || typeof value['sha256Tree'] === 'string')
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
