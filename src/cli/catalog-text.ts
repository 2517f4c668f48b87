import type { RegisteredVersion } from '../../connectors/catalog/catalog-index.ts';
import { count } from './progress-text.ts';

/** The data sets of a catalog, for people. */
export function listText(found: readonly RegisteredVersion[]): string {
  if (found.length === 0) return 'The catalog is empty; sluice catalog add fills it.\n';
  return table(
    ['name', 'version', 'rows', 'columns', 'created', 'id'],
    found.map((one) => [
      one.name,
      String(one.number),
      count(one.rows),
      String(one.columns.length),
      one.created,
      one.datasetId,
    ]),
  );
}

/** The versions of a data set. */
export function versionsText(found: readonly RegisteredVersion[]): string {
  return table(
    ['version', 'rows', 'bytes', 'created', 'source', 'id'],
    found.map((one) => [
      `${one.number}${one.isLatest ? ' (latest)' : ''}`,
      count(one.rows),
      count(one.bytes),
      one.created,
      cut(one.source, 80),
      one.versionId,
    ]),
  );
}

/** One version with its columns. */
export function versionText(version: RegisteredVersion): string {
  const { name, number, datasetId, versionId, rows, bytes, sha256, created, source, columns } = version;
  const head = [
    `${name}, version ${number}${version.isLatest ? ' (latest)' : ''}`,
    `  dataset ${datasetId}, version ${versionId}`,
    `  ${count(rows)} rows, ${count(bytes)} bytes, SHA-256 ${sha256}`,
    `  created ${created} from ${source}`,
  ];
  const body = table(
    ['column', 'type', 'nulls', 'distinct', 'min', 'max', 'mean'],
    columns.map((column) => [
      column.name,
      column.type,
      count(column.nulls),
      count(column.distinct),
      shown(column.min),
      shown(column.max),
      shown(column.mean),
    ]),
  );
  return `${head.join('\n')}\n\n${body}`;
}

/** Numbers by five digits, texts by their start: the JSON has all of it. */
function shown(value: string | number | null): string {
  if (value === null) return '-';
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)));
  return cut(JSON.stringify(value).slice(1, -1), 24);
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
