import type { Explainer } from './predictor.ts';
import type { TreeEnsemble } from './tree-ensemble.ts';

/**
 * Exact SHAP values of trees, path-dependent: algorithm 2 of S. Lundberg, G. Erion, S.-I. Lee, "Consistent
 * Individualized Feature Attribution for Tree Ensembles", 2018 (arXiv:1802.03888); the values of XGBoost's `pred_contribs`.
 *
 * On the way down from the root it keeps the path of distinct features, with three numbers for each: the share of
 * training rows that go this way when the feature is unknown (`zero`), whether the row itself does (`one`: 0 or 1), and `weight`,
 * the summed Shapley weights of all subsets of the path by their size. A tree of L leaves and depth D takes O(L D^2).
 */
export class TreeShap implements Explainer {
  readonly #trees: TreeEnsemble;
  /** Per output: its base margin and the expected leaf of each of its trees. */
  readonly #expected: Float64Array;
  // One stretch of each per level of the tree, as a path is changed below and needed again above.
  readonly #feature: Int32Array;
  readonly #zero: Float64Array;
  readonly #one: Float64Array;
  readonly #weight: Float64Array;
  readonly #stretch: number;
  /** 1 / i: a product is several times faster than the quotient, and this is the innermost loop. */
  readonly #inverse: Float64Array;

  constructor(trees: TreeEnsemble, baseMargins: Float32Array) {
    this.#trees = trees;
    this.#stretch = trees.depth + 1;
    this.#inverse = Float64Array.from({ length: this.#stretch + 1 }, (_, i) => 1 / i);
    const room = this.#stretch * this.#stretch;
    this.#feature = new Int32Array(room);
    this.#zero = new Float64Array(room);
    this.#one = new Float64Array(room);
    this.#weight = new Float64Array(room);
    this.#expected = Float64Array.from(baseMargins);
    for (const [t, root] of trees.roots.entries()) this.#expected[trees.treeOutputs[t]!]! += this.#expectation(root);
  }

  explain(matrix: Float32Array, row: number, out: Float64Array): void {
    const { features, outputs, roots, treeOutputs } = this.#trees;
    out.fill(0);
    for (let t = 0; t < roots.length; t += 1) {
      const at = treeOutputs[t]! * (features + 1);
      this.#descend(matrix, row * features, out.subarray(at, at + features), roots[t]!, 0, 0, 1, 1, -1);
    }
    for (let output = 0; output < outputs; output += 1) {
      out[output * (features + 1) + features] = this.#expected[output]!;
    }
  }

  #expectation(node: number): number {
    const { links, values, covers } = this.#trees;
    if (links[4 * node]! < 0) return values[node]!;
    const left = links[4 * node + 1]!;
    const share = portion(covers[left]!, covers[node]!);
    return share * this.#expectation(left) + (1 - share) * this.#expectation(left + 1);
  }

  /** Goes on with the path of `length` entries at level `level - 1`, extended by the split (zero, one, feature) that led here. */
  #descend(
    matrix: Float32Array,
    base: number,
    phi: Float64Array,
    node: number,
    level: number,
    length: number,
    zero: number,
    one: number,
    feature: number,
  ): void {
    const { links, values, covers } = this.#trees;
    const start = level * this.#stretch;
    if (level > 0) this.#copy(start - this.#stretch, start, length);
    this.#extend(start, length, zero, one, feature);
    let entries = length + 1;

    const split = links[4 * node]!;
    if (split < 0) {
      this.#credit(phi, start, entries, values[node]!);
      return;
    }
    const left = links[4 * node + 1]!;
    const hot = this.#trees.child(matrix, base, node);
    const cold = hot === left ? left + 1 : left;
    let zeroSoFar = 1;
    let oneSoFar = 1;
    // A feature that the path has already is taken out first: it counts once, with both splits' shares.
    for (let i = 1; i < entries; i += 1) {
      if (this.#feature[start + i] !== split) continue;
      zeroSoFar = this.#zero[start + i]!;
      oneSoFar = this.#one[start + i]!;
      this.#unwind(start, entries, i);
      entries -= 1;
      break;
    }
    const cover = covers[node]!;
    const hotZero = zeroSoFar * portion(covers[hot]!, cover);
    const coldZero = zeroSoFar * portion(covers[cold]!, cover);
    this.#descend(matrix, base, phi, hot, level + 1, entries, hotZero, oneSoFar, split);
    this.#descend(matrix, base, phi, cold, level + 1, entries, coldZero, 0, split);
  }

  #copy(from: number, to: number, length: number): void {
    // A loop, as a path is short: the call of copyWithin alone takes longer.
    for (let i = 0; i < length; i += 1) {
      this.#feature[to + i] = this.#feature[from + i]!;
      this.#zero[to + i] = this.#zero[from + i]!;
      this.#one[to + i] = this.#one[from + i]!;
      this.#weight[to + i] = this.#weight[from + i]!;
    }
  }

  #extend(start: number, length: number, zero: number, one: number, feature: number): void {
    const weight = this.#weight;
    this.#feature[start + length] = feature;
    this.#zero[start + length] = zero;
    this.#one[start + length] = one;
    weight[start + length] = length === 0 ? 1 : 0;
    const down = this.#inverse[length + 1]!;
    for (let i = length - 1; i >= 0; i -= 1) {
      const scaled = weight[start + i]! * down;
      weight[start + i + 1]! += one * scaled * (i + 1);
      weight[start + i] = zero * scaled * (length - i);
    }
  }

  /** Takes entry `index` out of a path of `entries`: the reverse of extending by it. */
  #unwind(start: number, entries: number, index: number): void {
    const weight = this.#weight;
    const inverse = this.#inverse;
    const last = entries - 1;
    const one = this.#one[start + index]!;
    const zero = this.#zero[start + index]!;
    let next = weight[start + last]!;
    for (let i = last - 1; i >= 0; i -= 1) {
      const old = weight[start + i]!;
      if (one === 0) {
        weight[start + i] = (old * entries * inverse[last - i]!) / zero;
      } else {
        weight[start + i] = next * entries * inverse[i + 1]!;
        next = old - weight[start + i]! * zero * (last - i) * inverse[entries]!;
      }
    }
    for (let i = index; i < last; i += 1) {
      this.#feature[start + i] = this.#feature[start + i + 1]!;
      this.#zero[start + i] = this.#zero[start + i + 1]!;
      this.#one[start + i] = this.#one[start + i + 1]!;
    }
  }

  /** Gives each feature of a path that ends in a leaf its part of the leaf's value. */
  #credit(phi: Float64Array, start: number, entries: number, leaf: number): void {
    const weight = this.#weight;
    const inverse = this.#inverse;
    const last = entries - 1;
    for (let index = 1; index < entries; index += 1) {
      const one = this.#one[start + index]!;
      const zero = this.#zero[start + index]!;
      let total = 0;
      if (one !== 0) {
        let next = weight[start + last]!;
        for (let i = last - 1; i >= 0; i -= 1) {
          const part = next * inverse[i + 1]!;
          total += part;
          next = weight[start + i]! - part * zero * (last - i);
        }
      } else if (zero !== 0) {
        for (let i = last - 1; i >= 0; i -= 1) total += weight[start + i]! * inverse[last - i]!;
        total /= zero;
      }
      phi[this.#feature[start + index]!]! += total * entries * (one - zero) * leaf;
    }
  }
}

/** The share of a node's rows that a child has. A node that no training row reached has no say in an expectation. */
function portion(child: number, parent: number): number {
  return parent > 0 ? child / parent : 0;
}
