import { SluiceError } from '../../core/error.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import { nameList, nearestNames } from './nearest-name.ts';
import type { OutputSettings } from './output-settings.ts';

/**
 * The intake columns that go to the output, as indexes into the intake's columns, in output order: the passthrough
 * columns, then the association ID if it is not among them.
 * Throws COLUMN_UNKNOWN for a name that the intake lacks, CONFIG_INVALID for one that is given twice.
 */
export function passthroughColumns(settings: OutputSettings, intake: Schema): readonly number[] {
  const names = columnNames(intake);
  const index = new Map(names.map((name, i) => [name, i]));
  const find = (name: string, setting: string): number => {
    const found = index.get(name);
    if (found === undefined) throw unknownColumn(name, setting, names);
    return found;
  };
  const { passthroughColumnsSet: set, associationId } = settings;
  const columns =
    set === 'all'
      ? names.map((_, i) => i)
      : settings.passthroughColumns.map((name) => find(name, 'passthroughColumns'));
  if (new Set(columns).size < columns.length) {
    const twice = settings.passthroughColumns.find((name, i, all) => all.indexOf(name) < i);
    throw new SluiceError('CONFIG_INVALID', `passthroughColumns names "${twice}" twice; remove one of them.`);
  }
  if (associationId !== null) {
    const id = find(associationId, 'The association ID of the deployment');
    if (!columns.includes(id)) columns.push(id);
  }
  return columns;
}

function unknownColumn(name: string, setting: string, names: readonly string[]): SluiceError {
  const near = nearestNames(name, names);
  const others = near.length > 0 ? `did you mean ${nameList(near)}?` : `it has ${nameList(names)}.`;
  const hint =
    names.length === 1
      ? ` The whole header was read as a single column: if that is wrong, set csvSettings.delimiter.`
      : '';
  return new SluiceError(
    'COLUMN_UNKNOWN',
    `${setting} names "${name}", which the intake does not have; ${others}${hint}`,
  );
}
