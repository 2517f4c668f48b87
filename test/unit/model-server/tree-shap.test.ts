import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Tree, TreeEnsemble, type TreeNode } from '../../../src/model-server/tree-ensemble.ts';
import { TreeShap } from '../../../src/model-server/tree-shap.ts';

const FEATURES = 4;

interface Shape {
  readonly feature: number;
  readonly threshold: number;
  readonly categorical: boolean;
  readonly missingGoesRight: boolean;
  readonly left: Shape | number;
  readonly right: Shape | number;
}

const { tree } = fc.letrec<{ tree: Shape | number; split: Shape }>((tie) => ({
  tree: fc.oneof({ maxDepth: 5, depthSize: 'large' }, fc.integer({ min: -50, max: 50 }), tie('split'), tie('split')),
  split: fc.record({
    feature: fc.nat(FEATURES - 1),
    threshold: fc.integer({ min: 1, max: 5 }),
    categorical: fc.boolean(),
    missingGoesRight: fc.boolean(),
    left: tie('tree'),
    right: tie('tree'),
  }),
}));

const value = fc.oneof({ weight: 5, arbitrary: fc.nat(6) }, { weight: 1, arbitrary: fc.constant(Number.NaN) });

/** Lays a shape out as nodes; a leaf has as many training rows as `covers` says in turn. */
function layOut(shape: Shape | number, covers: readonly number[]): readonly TreeNode[] {
  const nodes: TreeNode[] = [];
  let leaves = 0;
  const place = (at: Shape | number): number => {
    const index = nodes.length;
    nodes.push({ cover: 0, leaf: 0 });
    if (typeof at === 'number') {
      leaves += 1;
      nodes[index] = { cover: covers[leaves % covers.length]!, leaf: at };
      return index;
    }
    const { feature, threshold, missingGoesRight } = at;
    const [left, right] = [place(at.left), place(at.right)];
    const split = { feature, left, right, missingGoesRight, threshold };
    const categories = at.categorical ? { categories: [threshold, threshold + 40] } : {};
    nodes[index] = { cover: nodes[left]!.cover + nodes[right]!.cover, leaf: 0, split: { ...split, ...categories } };
    return index;
  };
  place(shape);
  return nodes;
}

/** The expectation of a tree when only the features in the bit set `known` are known, by its definition. */
function expectation(nodes: readonly TreeNode[], row: Float32Array, known: number, at = 0): number {
  const { split, leaf, cover } = nodes[at]!;
  if (split === undefined) return leaf;
  const [left, right] = [split.left, split.right].map((child) => expectation(nodes, row, known, child));
  if ((known & (1 << split.feature)) === 0) {
    return (nodes[split.left]!.cover * left! + nodes[split.right]!.cover * right!) / cover;
  }
  const x = row[split.feature]!;
  if (Number.isNaN(x)) return split.missingGoesRight ? right! : left!;
  const goesRight = split.categories === undefined ? x >= split.threshold : split.categories.includes(x);
  return goesRight ? right! : left!;
}

/** Shapley values by their definition: over all subsets of the features. */
function shapleyValues(nodes: readonly TreeNode[], row: Float32Array): readonly number[] {
  const factorial = [1, 1, 2, 6, 24];
  return Array.from({ length: FEATURES }, (_, feature) => {
    let sum = 0;
    for (let subset = 0; subset < 1 << FEATURES; subset += 1) {
      if ((subset & (1 << feature)) !== 0) continue;
      const size = [0, 1, 2, 3].filter((i) => (subset & (1 << i)) !== 0).length;
      const weight = (factorial[size]! * factorial[FEATURES - size - 1]!) / factorial[FEATURES]!;
      sum += weight * (expectation(nodes, row, subset | (1 << feature)) - expectation(nodes, row, subset));
    }
    return sum;
  });
}

test('tree SHAP gives the Shapley values of the definition, and with the base value they sum to the margin', () => {
  const trees = fc.array(fc.tuple(tree, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 9 })), {
    minLength: 1,
    maxLength: 3,
  });
  const rows = fc.array(value, { minLength: FEATURES, maxLength: FEATURES });
  fc.assert(
    fc.property(trees, rows, (shapes, cells) => {
      const row = Float32Array.from(cells);
      const laidOut = shapes.map(([shape, covers]) => ({ nodes: layOut(shape, covers), output: 0 }) satisfies Tree);
      const ensemble = new TreeEnsemble(FEATURES, 1, laidOut);
      const out = new Float64Array(FEATURES + 1);
      new TreeShap(ensemble, Float32Array.of(0.5)).explain(row, 0, out);

      const byDefinition = laidOut.map(({ nodes }) => shapleyValues(nodes, row));
      for (let i = 0; i < FEATURES; i += 1) {
        expect(out[i]).toBeCloseTo(
          byDefinition.reduce((sum, values) => sum + values[i]!, 0),
          8,
        );
      }
      const margins = Float32Array.of(0.5);
      ensemble.addMargins(row, 1, margins);
      expect(out.reduce((sum, part) => sum + part, 0)).toBeCloseTo(margins[0]!, 6);
      const everything = laidOut.reduce((sum, { nodes }) => sum + expectation(nodes, row, 2 ** FEATURES - 1), 0.5);
      expect(margins[0]).toBeCloseTo(everything, 6);
    }),
    { numRuns: 500 },
  );
});
