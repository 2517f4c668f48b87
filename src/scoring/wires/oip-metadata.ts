import type { DeploymentDescription } from '../../core/scorer.ts';

/** Types of tensors that are read and written. */
export type OipDatatype = 'BOOL' | `${'' | 'U'}INT${8 | 16 | 32 | 64}` | 'FP16' | 'FP32' | 'FP64' | 'BYTES';

/** A tensor as a model's metadata describes it. `shape`: -1 where any number goes; the first is that of rows. */
export interface OipTensor {
  readonly name: string;
  readonly datatype: OipDatatype;
  readonly shape: readonly number[];
  readonly parameters: Fields;
}

/** What a server says of a model, as far as it is used. */
export interface OipMetadata {
  readonly name: string | null;
  readonly versions: readonly string[];
  readonly inputs: readonly OipTensor[];
  readonly outputs: readonly OipTensor[];
}

type Fields = Readonly<Record<string, unknown>>;

export const NO_METADATA: OipMetadata = { name: null, versions: [], inputs: [], outputs: [] };

/** Reads the reply of `GET v2/models/NAME`. What is not as the protocol says is taken as missing. */
export function readMetadata(json: Fields | null): OipMetadata {
  const { name, versions, inputs, outputs } = json ?? {};
  return {
    name: typeof name === 'string' ? name : null,
    versions: Array.isArray(versions) ? versions.map(String) : [],
    inputs: tensorsIn(inputs),
    outputs: tensorsIn(outputs),
  };
}

function tensorsIn(list: unknown): readonly OipTensor[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item) => {
    const { name, datatype, shape, parameters } = fieldsOf(item);
    if (typeof name !== 'string' || !isDatatype(datatype) || !isShape(shape)) return [];
    return [{ name, datatype, shape, parameters: fieldsOf(parameters) }];
  });
}

export function isDatatype(value: unknown): value is OipDatatype {
  return typeof value === 'string' && /^(BOOL|U?INT(8|16|32|64)|FP(16|32|64)|BYTES)$/.test(value);
}

export function isShape(value: unknown): value is readonly number[] {
  // Some servers write sizes as text.
  return Array.isArray(value) && value.length > 0 && value.every((size) => Number.isInteger(Number(size)));
}

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

const kinds = ['regression', 'binary', 'multiclass'] as const;

/**
 * What the metadata says of predictions. The protocol has no word for a target and its classes; the model server of Sluice, and
 * others who like, say them as parameters of the output: `target`, `kind`, `classes` in the order of the numbers, `threshold`.
 */
export function describedOutput(output: OipTensor | undefined): DeploymentDescription {
  const { target, kind: said, classes, threshold } = output?.parameters ?? {};
  const kind = kinds.find((known) => known === said);
  return {
    ...(typeof target === 'string' && target !== '' ? { target } : {}),
    ...(kind === undefined ? {} : { kind }),
    ...(Array.isArray(classes) && classes.length > 0 ? { classes: classes.map(String) } : {}),
    ...(typeof threshold === 'number' ? { threshold } : {}),
  };
}
