import { SluiceError } from '../core/error.ts';
import { JsonNode } from './json-node.ts';
import { type Objective, objectives } from './objective.ts';
import { type Tree, TreeEnsemble, type TreeNode } from './tree-ensemble.ts';

/** What a model file of XGBoost holds, as far as predictions need it. */
export interface XgboostFile {
  readonly trees: TreeEnsemble;
  readonly objective: Objective;
  /** Where every margin starts: one number per output. */
  readonly baseMargins: Float32Array;
}

/**
 * Reads the JSON that `Booster.save_model('x.json')` writes (XGBoost 1.6 to 3.x). Throws MODEL_INVALID, which names the
 * field, for a broken file and for what is not supported: linear and DART boosters, vector leaves, several targets, and
 * objectives that `objective.ts` does not have.
 *
 * Source of the format: XGBoost's "Introduction to Model IO" and its JSON schema, doc/model.schema.
 */
export function parseXgboostJson(text: string, file: string): XgboostFile {
  const learner = JsonNode.parse(text, file).at('learner');
  const booster = learner.at('gradient_booster');
  if (booster.at('name').text() !== 'gbtree') booster.refuse('is not a "gbtree", the only booster that is supported');
  const name = learner.at('objective').at('name').text();
  const objective = objectives.get(name);
  if (objective === undefined) {
    const known = [...objectives.keys()].join(', ');
    throw new SluiceError('MODEL_INVALID', `${file}: the objective ${name} is not supported; these are: ${known}.`);
  }

  const parameters = learner.at('learner_model_param');
  const features = parameters.at('num_feature').count();
  const outputs = Math.max(1, parameters.at('num_class').count());
  if ((parameters.optional('num_target')?.count() ?? 1) > 1)
    parameters.refuse('has several targets, which is not supported');
  const model = booster.at('model');
  const categoriesInside = model.optional('cats')?.optional('enc');
  if (categoriesInside !== undefined && categoriesInside.items().length > 0) {
    model.refuse('holds its own category names; train on codes, and list the names in the deployment file');
  }
  const nodes = model.at('trees').items();
  const treeOutputs = model.at('tree_info').numbers(nodes.length);
  const trees = nodes.map((tree, i) => {
    const output = treeOutputs[i]!;
    if (!(output >= 0 && output < outputs)) model.refuse(`gives tree ${i} to the output ${output}, of ${outputs}`);
    return { nodes: treeNodes(tree, features), output } satisfies Tree;
  });
  const baseMargins = baseScores(parameters.at('base_score'), outputs).map((score) => objective.marginOf(score));
  if (!baseMargins.every(Number.isFinite)) parameters.refuse('has a base_score that the objective does not allow');
  return { trees: new TreeEnsemble(features, outputs, trees), objective, baseMargins: Float32Array.from(baseMargins) };
}

/** "5E-1" in versions up to 3.0, "[1E-1,2E-1]" since: one for all outputs, or one for each. */
function baseScores(node: JsonNode, outputs: number): readonly number[] {
  const text = node.text();
  const numbers =
    text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1).split(',').map(Number) : [Number(text)];
  if (numbers.length === outputs) return numbers;
  return numbers.length === 1
    ? Array.from({ length: outputs }, () => numbers[0]!)
    : node.refuse('does not fit the outputs');
}

function treeNodes(tree: JsonNode, features: number): readonly TreeNode[] {
  const parameters = tree.at('tree_param');
  if ((parameters.optional('size_leaf_vector')?.count() ?? 1) > 1)
    tree.refuse('has vector leaves, which is not supported');
  const left = tree.at('left_children').numbers();
  const count = left.length;
  const right = tree.at('right_children').numbers(count);
  const feature = tree.at('split_indices').numbers(count);
  const condition = tree.at('split_conditions').numbers(count);
  const cover = tree.at('sum_hessian').numbers(count);
  // Booleans in versions before 1.6, 0 and 1 since.
  const missingLeft = tree.at('default_left').items();
  const categories = categoriesByNode(tree);

  const reached = new Uint8Array(count);
  const visit = (node: number): void => {
    if (reached[node] !== 0) tree.refuse(`is not a tree: node ${node} is missing, or has two parents`);
    reached[node] = 1;
  };
  visit(0);
  const nodes = left.map((child, i): TreeNode => {
    if (child === -1) return { cover: cover[i]!, leaf: condition[i]! };
    visit(child);
    visit(right[i]!);
    if (!(feature[i]! >= 0 && feature[i]! < features)) tree.refuse(`splits by feature ${feature[i]}, of ${features}`);
    const codes = categories.get(i);
    const split = {
      feature: feature[i]!,
      left: child,
      right: right[i]!,
      missingGoesRight: missingLeft[i]?.value !== 1 && missingLeft[i]?.value !== true,
      threshold: condition[i]!,
    };
    return { cover: cover[i]!, leaf: 0, split: codes === undefined ? split : { ...split, categories: codes } };
  });
  return nodes;
}

/** The categories that go right, by node; empty for a tree without categorical splits. */
function categoriesByNode(tree: JsonNode): ReadonlyMap<number, readonly number[]> {
  const nodes = tree.optional('categories_nodes')?.numbers() ?? [];
  if (nodes.length === 0) return new Map();
  const codes = tree.at('categories').numbers();
  const starts = tree.at('categories_segments').numbers(nodes.length);
  const sizes = tree.at('categories_sizes').numbers(nodes.length);
  if (!codes.every((code) => Number.isInteger(code) && code >= 0 && code < 1 << 24))
    tree.refuse('has categories that are no codes');
  return new Map(nodes.map((node, i) => [node, codes.slice(starts[i], starts[i]! + sizes[i]!)]));
}
