import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseXgboostJson } from '../../../src/model-server/xgboost-json.ts';
import { XgboostModel } from '../../../src/model-server/xgboost-model.ts';
import { MODELS } from './golden-file.ts';

const penguins = readFileSync(`${MODELS}/penguins.json`, 'utf8');

/** The committed model with one place changed; the path may lead through lists. */
function changed(path: string, value: unknown): string {
  const model = JSON.parse(penguins);
  const keys = path.split('.');
  const last = keys.pop()!;
  let at = model;
  for (const key of keys) at = at[key];
  if (value === undefined) delete at[last];
  else at[last] = value;
  return JSON.stringify(model);
}

const TREE = 'learner.gradient_booster.model.trees.0';

const broken: readonly (readonly [string, string, unknown, RegExp])[] = [
  ['an unknown objective', 'learner.objective.name', 'survival:cox', /x\.json: the objective survival:cox is not/],
  ['a linear booster', 'learner.gradient_booster.name', 'gblinear', /gradient_booster is not a "gbtree"/],
  ['a missing part', 'learner.learner_model_param', undefined, /x\.json: learner has no field "learner_model_param"/],
  ['several targets', 'learner.learner_model_param.num_target', '2', /several targets/],
  [
    'a base score per class too few',
    'learner.learner_model_param.base_score',
    '[1E-1,2E-1]',
    /does not fit the outputs/,
  ],
  ['categories of its own', 'learner.gradient_booster.model.cats', { enc: [{}] }, /category names/],
  ['vector leaves', `${TREE}.tree_param.size_leaf_vector`, '3', /trees\[0\] has vector leaves/],
  ['a loop', `${TREE}.left_children.2`, 0, /trees\[0\] is not a tree/],
  ['a child that is missing', `${TREE}.right_children.0`, 999, /trees\[0\] is not a tree/],
  ['a feature that is missing', `${TREE}.split_indices.0`, 77, /splits by feature 77, of 6/],
  ['text in a list of numbers', `${TREE}.split_conditions.0`, 'x', /split_conditions is not a list of numbers/],
  ['lists of different length', `${TREE}.sum_hessian`, [1], /sum_hessian has 1 numbers where/],
  [
    'a tree for an output that is missing',
    'learner.gradient_booster.model.tree_info.0',
    3,
    /tree 0 to the output 3, of 3/,
  ],
];

for (const [name, path, value, message] of broken) {
  test(`a model file with ${name} is refused with the place`, () => {
    expect(() => parseXgboostJson(changed(path, value), 'x.json')).toThrow(
      expect.objectContaining({ code: 'MODEL_INVALID', message: expect.stringMatching(message) }),
    );
  });
}

test('what is no JSON is refused', () => {
  expect(() => parseXgboostJson('PK', 'x.json')).toThrow(expect.objectContaining({ code: 'MODEL_INVALID' }));
});

test('a base score without brackets, as versions before 3.1 write it, is one for all classes', () => {
  const { baseMargins } = parseXgboostJson(changed('learner.learner_model_param.base_score', '5E-1'), 'x.json');
  expect([...baseMargins]).toEqual([0.5, 0.5, 0.5]);
});

test('booleans for default_left, as versions before 1.6 write them, mean the same', async () => {
  const model = JSON.parse(penguins);
  for (const tree of model.learner.gradient_booster.model.trees) {
    tree.default_left = tree.default_left.map((left: number) => left === 1);
  }
  const missing = new Float32Array(6).fill(Number.NaN);
  const expected = await new XgboostModel(penguins, 'x.json').predict(missing, 1);
  expect(await new XgboostModel(JSON.stringify(model), 'x.json').predict(missing, 1)).toEqual(expected);
});

test('a category past those of a split goes left, as every category that the split does not name', async () => {
  const { trees } = parseXgboostJson(readFileSync(`${MODELS}/flights.json`, 'utf8'), 'x.json');
  const categorical = Array.from({ length: trees.values.length }, (_, i) => i).filter(
    (node) => trees.links[4 * node + 3]! >= 0,
  );
  expect(categorical.length).toBeGreaterThan(100);
  for (const node of categorical) {
    const row = new Float32Array(trees.features).fill(32 * trees.values[node]!);
    expect(trees.child(row, 0, node)).toBe(trees.links[4 * node + 1]);
  }
});
