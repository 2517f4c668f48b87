import { createHash } from 'node:crypto';
import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SluiceError } from '../core/error.ts';
import { Deployment, type LoadedModel } from './deployment.ts';
import { type DeploymentFile, parseDeploymentFile } from './deployment-file.ts';
import { OnnxModel } from './onnx-model.ts';
import { XgboostModel } from './xgboost-model.ts';

const SUFFIX = '.deployment.json';

/** The folder that a server takes deployments and models from: `<id>.deployment.json` beside the model files. */
export class ModelFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads every deployment file with its model; throws MODEL_INVALID for the first that is not right, and for none at all. */
  async deployments(): Promise<readonly Deployment[]> {
    const names = (await this.#names()).filter((name) => name.endsWith(SUFFIX)).toSorted();
    if (names.length === 0) {
      throw new SluiceError(
        'MODEL_INVALID',
        `The folder ${this.#folder} has no *${SUFFIX}; name the folder of your models.`,
      );
    }
    const deployments: Deployment[] = [];
    for (const name of names) {
      const file = parseDeploymentFile(await readFile(join(this.#folder, name), 'utf8'), name);
      if (deployments.some((other) => other.file.id === file.id)) {
        throw new SluiceError('MODEL_INVALID', `${name} has the id ${file.id}, which another deployment file has too.`);
      }
      deployments.push(new Deployment(file, await this.model(file, file.model)));
    }
    return deployments;
  }

  /**
   * Loads a model file for a deployment. The name comes from outside: it has to be the plain name of a file that really
   * lies in this folder, also behind symbolic links. Throws MODEL_INVALID otherwise.
   */
  async model(deployment: DeploymentFile, file: string): Promise<LoadedModel> {
    const bytes = await this.#read(file);
    const id = createHash('sha256').update(bytes).digest('hex').slice(0, 24);
    const predictor = file.endsWith('.onnx')
      ? await OnnxModel.load(bytes, file, deployment.features.length, Deployment.outputs(deployment))
      : new XgboostModel(bytes.toString('utf8'), file);
    return { id, file, predictor };
  }

  async #read(file: string): Promise<Buffer> {
    const plain = basename(file) === file && /^[^.\\\0][^\\\0]*\.(json|onnx)$/.test(file);
    if (!plain || file.endsWith(SUFFIX)) {
      throw new SluiceError('MODEL_INVALID', `"${file}" is not the plain name of a model file (.json or .onnx).`);
    }
    try {
      const path = await realpath(join(this.#folder, file));
      if (dirname(path) === (await realpath(this.#folder))) return await readFile(path);
    } catch (cause) {
      throw new SluiceError('MODEL_INVALID', `The folder of models has no file ${file} that can be read.`, { cause });
    }
    throw new SluiceError('MODEL_INVALID', `${file} is a link that leads out of the folder of models.`);
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#folder);
    } catch (cause) {
      throw new SluiceError('MODEL_INVALID', `The folder of models ${this.#folder} cannot be read.`, { cause });
    }
  }
}
