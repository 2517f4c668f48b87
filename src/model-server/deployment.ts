import { SluiceError } from '../core/error.ts';
import { type ColumnEncoder, columnEncoders } from './column-encoder.ts';
import type { DeploymentFile, Feature } from './deployment-file.ts';
import type { ModelKind, Predictor } from './predictor.ts';

/** A model under the id by which clients tell it from others: the first 24 hexadecimal digits of its file's SHA-256. */
export interface LoadedModel {
  readonly id: string;
  readonly file: string;
  readonly predictor: Predictor;
}

/** What the server tells about a deployment. */
export interface DeploymentInfo {
  readonly deploymentId: string;
  /** `addressable`: a request may ask for this very model, also after it was replaced. */
  readonly model: { readonly id: string; readonly addressable: true };
  readonly target: { readonly name: string; readonly kind: ModelKind; readonly classes: readonly string[] };
  readonly features: readonly Pick<Feature, 'name' | 'column' | 'type'>[];
  readonly threshold?: number;
  readonly associationId?: string;
}

/** One deployment: its description, its current model, and every model that it had since the start. */
export class Deployment {
  readonly file: DeploymentFile;
  readonly encoders: readonly ColumnEncoder[];
  /** Outputs in the order in which replies have them: the classes of a multiclass model by their labels. */
  readonly outputOrder: readonly number[];
  readonly #models = new Map<string, LoadedModel>();
  #current: LoadedModel;

  constructor(file: DeploymentFile, model: LoadedModel) {
    this.file = file;
    this.encoders = columnEncoders(file.features);
    const { classes } = file;
    const order = [...(file.kind === 'multiclass' ? classes : [file.target]).keys()];
    this.outputOrder = order.toSorted((a, b) => compare(classes[a] ?? '', classes[b] ?? ''));
    this.#current = this.#admit(model);
  }

  /** Numbers per row that a model of this deployment gives. */
  static outputs(file: DeploymentFile): number {
    return file.kind === 'multiclass' ? file.classes.length : 1;
  }

  get current(): LoadedModel {
    return this.#current;
  }

  /** The model with this id, current or replaced; undefined if the deployment never had it. */
  model(id: string): LoadedModel | undefined {
    return this.#models.get(id);
  }

  /** Makes a model the current one; requests that began with another one end with it. Throws MODEL_INVALID for one that does not fit. */
  replace(model: LoadedModel): void {
    this.#current = this.#admit(model);
  }

  info(): DeploymentInfo {
    const { id, target, kind, classes, threshold, associationId } = this.file;
    return {
      deploymentId: id,
      model: { id: this.#current.id, addressable: true },
      target: { name: target, kind, classes },
      features: this.file.features.map(({ name, column, type }) => ({ name, column, type })),
      ...(kind === 'binary' ? { threshold } : {}),
      ...(associationId === undefined ? {} : { associationId }),
    };
  }

  #admit(model: LoadedModel): LoadedModel {
    const { id, kind, features } = this.file;
    const { predictor } = model;
    const refuse = (problem: string): never => {
      throw new SluiceError('MODEL_INVALID', `${model.file} does not fit the deployment ${id}: ${problem}.`);
    };
    if (!predictor.kinds.includes(kind)) refuse(`it is a model for ${predictor.kinds.join(' or ')}, not for ${kind}`);
    if (predictor.features !== features.length) refuse(`it has ${predictor.features} features, not ${features.length}`);
    const outputs = Deployment.outputs(this.file);
    if (predictor.outputs !== outputs) refuse(`it has ${predictor.outputs} outputs, not ${outputs}`);
    this.#models.set(model.id, model);
    return model;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
