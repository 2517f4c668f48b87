import { SluiceError } from '../../core/error.ts';
import { nameList, nearestNames } from './nearest-name.ts';
import type { OutputSettings } from './output-settings.ts';

type Remapping = OutputSettings['columnNamesRemapping'];

/** The final name of every column, null where it is dropped. */
export type FinalNames = readonly (string | null)[];

/** The status column's name, before remapping. */
export const STATUS_NAME = 'prediction_status';

/** The name of the column that tells the model, before remapping. */
export const MODEL_NAME = 'model_version';

/**
 * The names of the columns that Sluice or the server makes. An entry for a name that a passthrough column has too is
 * for that one, so that a conflict can be solved without renaming what consumers of predictions look for.
 */
export function madeNames(names: readonly string[], passthrough: readonly string[], remapping: Remapping): FinalNames {
  return names.map((name) => (passthrough.includes(name) ? name : finalName(name, remapping)));
}

/** The names of the passthrough columns. */
export function passthroughNames(names: readonly string[], remapping: Remapping): FinalNames {
  return names.map((name) => finalName(name, remapping));
}

/** Throws COLUMN_CONFLICT if two columns have one name in the end. */
export function assertDistinct(original: readonly string[], final: FinalNames): void {
  const first = new Map<string, string>();
  for (const [i, name] of final.entries()) {
    if (name === null) continue;
    const other = first.get(name);
    const own = original[i]!;
    if (other === undefined) {
      first.set(name, own);
      continue;
    }
    const remapped = own === name ? other : own;
    throw new SluiceError(
      'COLUMN_CONFLICT',
      other === own
        ? `The output would have two columns "${name}", one of them passed through from the intake; ` +
            `rename that one with columnNamesRemapping: { "${name}": "a new name" }, or null to drop it.`
        : `columnNamesRemapping renames "${remapped}" to "${name}", but the output has another column of that name; choose another name.`,
    );
  }
}

/** Throws COLUMN_UNKNOWN if the remapping names a column that is not among `names`. */
export function assertKnown(remapping: Remapping, names: readonly string[]): void {
  for (const name of remapping.keys()) {
    if (names.includes(name)) continue;
    const near = nearestNames(name, names);
    throw new SluiceError(
      'COLUMN_UNKNOWN',
      `columnNamesRemapping names "${name}", which the output does not have; ` +
        (near.length > 0 ? `did you mean ${nameList(near)}?` : `it has ${nameList(names)}.`),
    );
  }
}

function finalName(name: string, remapping: Remapping): string | null {
  const to = remapping.get(name);
  return to === undefined ? name : to;
}
