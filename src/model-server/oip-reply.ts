import { floatText } from '../core/float-text.ts';
import type { Deployment, LoadedModel } from './deployment.ts';
import type { Inference } from './oip-request.ts';
import type { Prediction } from './prediction.ts';

/** The name of the second output of a reply in which rows failed: `OK` or the reason, for each row. */
const STATUS = 'prediction_status';

/** Numbers of each row: of two classes both. */
function widthOf({ kind, classes }: Deployment['file']): number {
  return kind === 'regression' ? 1 : classes.length;
}

/** The classes in the order of the numbers. */
function orderedClasses(deployment: Deployment): readonly string[] {
  const { kind, classes } = deployment.file;
  return kind === 'multiclass' ? deployment.outputOrder.map((i) => classes[i]!) : classes;
}

/** The output of a deployment: the target, or the probabilities of its classes; `parameters` name them. */
export function outputTensor(deployment: Deployment): object {
  const { file } = deployment;
  const classes = file.kind === 'regression' ? {} : { classes: orderedClasses(deployment) };
  const threshold = file.kind === 'binary' ? { threshold: file.threshold } : {};
  return {
    name: file.kind === 'regression' ? 'predictions' : 'probabilities',
    datatype: 'FP32',
    shape: [-1, widthOf(file)],
    parameters: { target: file.target, kind: file.kind, ...classes, ...threshold },
  };
}

/** The reply to an inference request. `headerBytes`: how long its JSON is, where bytes follow; null where all is JSON. */
export function inferenceReply(
  prediction: Prediction,
  model: LoadedModel,
  { id, binary }: Inference,
): { readonly body: Buffer; readonly headerBytes: number | null } {
  const { deployment, rows, failures } = prediction;
  const { file } = deployment;
  const numbers = numbersOf(prediction);
  const status = failures.size === 0 ? null : Array.from({ length: rows.count }, (_, row) => failures.get(row) ?? 'OK');
  const tensors = [
    {
      ...outputTensor(deployment),
      shape: [rows.count, widthOf(file)],
      ...(binary ? bytesSize(numbers.length * 4) : {}),
    },
    ...(status === null ? [] : [{ name: STATUS, datatype: 'BYTES', shape: [rows.count], data: status }]),
  ];
  const head = { model_name: file.id, model_version: model.id, ...(id === null ? {} : { id }) };
  if (binary) {
    const header = Buffer.from(JSON.stringify({ ...head, outputs: tensors }));
    const data = Buffer.alloc(numbers.length * 4);
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    for (let i = 0; i < numbers.length; i += 1) view.setFloat32(4 * i, numbers[i]!, true);
    return { body: Buffer.concat([header, data]), headerBytes: header.length };
  }
  const texts = Array.from(numbers, (value) => (Number.isFinite(value) ? floatText(value) : 'null'));
  const [first, ...others] = tensors.map((tensor) => JSON.stringify(tensor));
  const outputs = [`${first!.slice(0, -1)},"data":[${texts.join(',')}]}`, ...others];
  const text = `${JSON.stringify(head).slice(0, -1)},"outputs":[${outputs.join(',')}]}`;
  return { body: Buffer.from(text), headerBytes: null };
}

function bytesSize(size: number): object {
  return { parameters: { binary_data_size: size } };
}

/** The numbers of all rows; NaN for those of failed rows. */
function numbersOf({ deployment, rows, values, outputs, failures }: Prediction): Float32Array {
  const { file, outputOrder } = deployment;
  const width = widthOf(file);
  const numbers = new Float32Array(rows.count * width);
  for (let row = 0; row < rows.count; row += 1) {
    const at = row * width;
    if (failures.has(row)) {
      numbers.fill(Number.NaN, at, at + width);
    } else if (file.kind === 'regression') {
      numbers[at] = values[row]!;
    } else if (file.kind === 'binary') {
      numbers[at] = values[row]!;
      numbers[at + 1] = Math.fround(1 - values[row]!);
    } else {
      for (const [i, output] of outputOrder.entries()) numbers[at + i] = values[row * outputs + output]!;
    }
  }
  return numbers;
}
