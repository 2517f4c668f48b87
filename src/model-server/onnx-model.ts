import { messageOf, SluiceError } from '../core/error.ts';
import type { ModelKind, Predictor } from './predictor.ts';

/** What is used of onnxruntime-node, which is loaded only when there is a model for it. */
interface OnnxRuntime {
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<OnnxSession> };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => unknown;
}

interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(
    feeds: Readonly<Record<string, unknown>>,
    fetches: readonly string[],
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
}

interface OnnxTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

const RUNTIME = 'onnxruntime-node';

/**
 * A model in ONNX form: one float tensor in (rows by features), and as its last output one float tensor out (rows by
 * outputs; for a binary model also rows by two, the positive class last). That is how skl2onnx writes models with
 * `zipmap: False`. It cannot be explained.
 */
export class OnnxModel implements Predictor {
  readonly features: number;
  readonly outputs: number;
  readonly kinds: readonly ModelKind[] = ['regression', 'binary', 'multiclass'];
  readonly #runtime: OnnxRuntime;
  readonly #session: OnnxSession;

  private constructor(runtime: OnnxRuntime, session: OnnxSession, features: number, outputs: number) {
    this.#runtime = runtime;
    this.#session = session;
    this.features = features;
    this.outputs = outputs;
  }

  /**
   * @param outputs how many numbers per row the deployment needs.
   * @param runtime the package that runs it; throws MODEL_INVALID where it is not installed.
   */
  static async load(
    model: Uint8Array,
    file: string,
    features: number,
    outputs: number,
    runtime: string = RUNTIME,
  ): Promise<OnnxModel> {
    const onnx = await importRuntime(file, runtime);
    try {
      // One thread: the server itself has one, and for models of this size a second one makes it slower.
      const session = await onnx.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
      const loaded = new OnnxModel(onnx, session, features, outputs);
      await loaded.predict(new Float32Array(features), 1);
      return loaded;
    } catch (cause) {
      const problem = messageOf(cause).slice(0, 300);
      throw new SluiceError('MODEL_INVALID', `${file} does not run with ${features} features: ${problem}`, { cause });
    }
  }

  async predict(matrix: Float32Array, rows: number): Promise<Float32Array> {
    const input = this.#session.inputNames[0] ?? '';
    const output = this.#session.outputNames.at(-1) ?? '';
    const tensor = new this.#runtime.Tensor('float32', matrix.slice(0, rows * this.features), [rows, this.features]);
    const result = (await this.#session.run({ [input]: tensor }, [output]))[output];
    const data = result?.data;
    if (result === undefined || !(data instanceof Float32Array)) {
      throw new SluiceError('MODEL_INVALID', `The model's output "${output}" is no tensor of float32.`);
    }
    if (data.length === rows * this.outputs) return data;
    if (this.outputs === 1 && data.length === 2 * rows) return data.filter((_, i) => i % 2 === 1);
    const shape = result.dims.join(' by ');
    throw new SluiceError(
      'MODEL_INVALID',
      `The model's output "${output}" is ${shape} for ${rows} rows and ${this.outputs} outputs.`,
    );
  }
}

async function importRuntime(file: string, runtime: string): Promise<OnnxRuntime> {
  try {
    const module: OnnxRuntime & { readonly default?: OnnxRuntime } = await import(runtime);
    return module.default ?? module;
  } catch (cause) {
    const problem = `${file} needs ${runtime}, which is not installed; run npm install ${runtime}, or save the model as XGBoost JSON.`;
    throw new SluiceError('MODEL_INVALID', problem, { cause });
  }
}
