import { SluiceError } from '../../core/error.ts';
import type { ModelIdentity } from '../../core/model.ts';
import { nameList } from '../output/nearest-name.ts';
import { STATUS_COLUMN } from './datarobot-columns.ts';
import { eachItem, eachMember, nameAt, parsed, skipSpace, valueEnd } from './json-bytes.ts';
import { fieldsOf, isDatatype, isShape, type OipDatatype } from './oip-metadata.ts';
import { replyMismatch } from './reply-mismatch.ts';

/** One tensor of a reply. Its data is a list in JSON, or bytes. */
export interface OutputTensor {
  readonly name: string;
  readonly datatype: OipDatatype;
  readonly shape: readonly number[];
  readonly source: Uint8Array;
  /** Where the data begins. */
  readonly at: number;
  /** Bytes of binary data; null for JSON. */
  readonly binaryBytes: number | null;
}

export interface OipReply {
  readonly model: ModelIdentity | null;
  readonly outputs: readonly OutputTensor[];
}

/**
 * Takes a reply apart without reading its tensors. Throws REPLY_MISMATCH, and a SyntaxError for what is no JSON.
 * @param headerBytes how long the JSON is, where binary tensors follow it; null where all is JSON.
 */
export function takeApart(target: string, body: Uint8Array, headerBytes: number | null): OipReply {
  if (headerBytes !== null && !(headerBytes > 0 && headerBytes <= body.length))
    throw replyMismatch(target, 'is shorter than its Inference-Header-Content-Length');
  const json = headerBytes === null ? body : body.subarray(0, headerBytes);
  const fields = new Map<string, unknown>();
  const outputs: OutputTensor[] = [];
  let binaryAt = headerBytes ?? 0;
  const end = eachMember(json, skipSpace(json, 0), (start, stop, at) => {
    const name = nameAt(json, start, stop);
    if (name === 'outputs') {
      return eachItem(json, at, (item) => {
        const { output, end: past } = outputAt(target, body, json, item, binaryAt);
        binaryAt += output.binaryBytes ?? 0;
        outputs.push(output);
        return past;
      });
    }
    const past = valueEnd(json, at);
    if (name === 'model_name' || name === 'model_version') fields.set(name, parsed(json, at, past));
    return past;
  });
  if (skipSpace(json, end) !== json.length) throw new SyntaxError('more behind the JSON');
  if (binaryAt > body.length || (headerBytes !== null && binaryAt !== body.length))
    throw replyMismatch(target, 'has not as many bytes of tensors as it says');
  return { model: modelOf(fields), outputs };
}

function outputAt(
  target: string,
  body: Uint8Array,
  json: Uint8Array,
  from: number,
  binaryAt: number,
): { readonly output: OutputTensor; readonly end: number } {
  const fields = new Map<string, unknown>();
  let data = -1;
  const end = eachMember(json, from, (start, stop, at) => {
    const name = nameAt(json, start, stop);
    const past = valueEnd(json, at);
    if (name === 'data') data = at;
    else fields.set(name, parsed(json, at, past));
    return past;
  });
  const [name, datatype, shape] = ['name', 'datatype', 'shape'].map((field) => fields.get(field));
  if (typeof name !== 'string' || !isDatatype(datatype) || !isShape(shape))
    throw replyMismatch(target, 'has an output without name, datatype or shape');
  const size = fieldsOf(fields.get('parameters'))['binary_data_size'];
  const sizes = shape.map(Number);
  if (typeof size === 'number')
    return { output: { name, datatype, shape: sizes, source: body, at: binaryAt, binaryBytes: size }, end };
  if (data === -1) throw replyMismatch(target, `has no data in the output "${name}"`);
  return { output: { name, datatype, shape: sizes, source: json, at: data, binaryBytes: null }, end };
}

function modelOf(fields: ReadonlyMap<string, unknown>): ModelIdentity | null {
  const [id, version] = [fields.get('model_name'), fields.get('model_version')];
  if (typeof id !== 'string' || id === '') return null;
  return typeof version === 'string' && version !== '' ? { id, version } : { id };
}

/**
 * The output that holds the predictions: the one that is named, the only one, or the only one with probabilities of classes.
 * @throws REPLY_MISMATCH if it is not there, CONFIG_INVALID if nobody can tell which it is.
 */
export function chosenOutput(target: string, outputs: readonly OutputTensor[], wanted: string | null): OutputTensor {
  const names = nameList(outputs.map(({ name }) => name));
  if (wanted !== null) {
    const named = outputs.find(({ name }) => name === wanted);
    if (named !== undefined) return named;
    throw replyMismatch(target, `has no output "${wanted}" (its outputs: ${names})`);
  }
  const own = outputs.filter(({ name }) => name !== STATUS_COLUMN);
  if (own.length === 0) throw replyMismatch(target, 'has no outputs');
  if (own.length === 1) return own[0]!;
  const shares = own.filter(
    ({ datatype, shape }) => datatype.startsWith('FP') && shape.length > 1 && shape.at(-1)! > 1,
  );
  if (shares.length === 1) return shares[0]!;
  throw new SluiceError(
    'CONFIG_INVALID',
    `The replies of ${target} have the outputs ${names}. Name the one that holds the predictions in deployment.oip.output.`,
  );
}
