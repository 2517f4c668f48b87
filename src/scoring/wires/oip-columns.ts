import { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { columnNames } from '../../core/schema.ts';
import type { ModelInput } from '../../core/scorer.ts';
import { nameList } from '../output/nearest-name.ts';
import { assertInputs } from './model-inputs.ts';
import type { OipDatatype, OipTensor } from './oip-metadata.ts';

export interface OipInputSettings {
  /** One tensor of all columns, or a tensor for each column; `auto` goes by the model's metadata. */
  readonly input: 'auto' | 'tensor' | 'columns';
  /** The columns of the one tensor, in its order. Null: all that the rows have. */
  readonly columns: readonly string[] | null;
}

/** One input of requests: which columns of the rows, by their index, go into it. */
export interface InputTensor {
  readonly name: string;
  readonly datatype: OipDatatype;
  /** 1: a list of rows; 2: rows by columns. */
  readonly rank: number;
  readonly columns: readonly number[];
}

/** Of models without metadata, as MLServer serves them: any name does. */
const UNNAMED: OipTensor = { name: 'input-0', datatype: 'FP64', shape: [-1, -1], parameters: {} };

/**
 * How the columns of the rows become inputs of the model, held against what its metadata says, before anything is sent.
 * @throws MODEL_COLUMNS for missing, surplus and wrongly typed columns; CONFIG_INVALID for tensors that are no rows by columns.
 */
export function inputTensors(
  target: string,
  inputs: readonly OipTensor[],
  settings: OipInputSettings,
  batch: RowBatch,
): readonly InputTensor[] {
  const names = columnNames(batch.schema);
  const deep = inputs.find(({ shape }) => shape.length > 2);
  if (deep !== undefined)
    throw new SluiceError(
      'CONFIG_INVALID',
      `The input "${deep.name}" of ${target} has ${deep.shape.length} dimensions; the oip wire sends rows by columns.`,
    );
  if (isOneTensor(inputs, settings, names)) {
    const input = inputs[0] ?? UNNAMED;
    const columns = settings.columns ?? names;
    assertInputs(
      target,
      columns.map((column) => ({ column, type: typeOf(input) })),
      batch,
    );
    assertWidth(target, input, columns, settings);
    return [{ ...input, rank: input.shape.length, columns: columns.map((name) => names.indexOf(name)) }];
  }
  if (inputs.length === 0)
    throw new SluiceError(
      'CONFIG_INVALID',
      `${target} does not describe its inputs, so that deployment.oip.input: columns cannot know them; set it to tensor.`,
    );
  assertInputs(target, columnInputs(inputs), batch);
  return inputs.map((input) => ({ ...input, rank: input.shape.length, columns: [names.indexOf(input.name)] }));
}

/** The columns that a model with an input for each needs; none for one that takes all in one tensor. */
export function columnInputs(inputs: readonly OipTensor[]): readonly ModelInput[] {
  return inputs.map((input) => ({ column: input.name, type: typeOf(input) }));
}

/** Whether a model takes one tensor of several columns, as far as its metadata tells. */
export function isMatrix(inputs: readonly OipTensor[]): boolean {
  const [only] = inputs;
  return only === undefined || (inputs.length === 1 && only.shape.length === 2 && only.shape[1] !== 1);
}

function isOneTensor(
  inputs: readonly OipTensor[],
  { input, columns }: OipInputSettings,
  names: readonly string[],
): boolean {
  if (input !== 'auto') return input === 'tensor';
  const [only] = inputs;
  if (inputs.length > 1) return false;
  return columns !== null || isMatrix(inputs) || !names.includes(only?.name ?? '');
}

function assertWidth(
  target: string,
  { name, shape }: OipTensor,
  columns: readonly string[],
  settings: OipInputSettings,
): void {
  const wanted = shape.length === 1 ? 1 : shape[1]!;
  if (wanted < 0 || wanted === columns.length) return;
  const whose = settings.columns === null ? 'the rows have' : 'deployment.oip.columns names';
  throw new SluiceError(
    'MODEL_COLUMNS',
    `The input "${name}" of ${target} takes ${wanted} ${wanted === 1 ? 'column' : 'columns'}, but ${whose} ${columns.length}: ` +
      `${nameList(columns)}. Name those of the model, in its order, in deployment.oip.columns.`,
  );
}

function typeOf({ datatype }: OipTensor): ModelInput['type'] {
  return datatype === 'BYTES' || datatype === 'BOOL' ? 'text' : 'number';
}
