/** One node before it is laid out flat; `left` and `right` are nodes of the same tree. A leaf has no `split`. */
export interface TreeNode {
  /** Sum of the training rows' second derivatives that reached the node: its weight in an expectation. */
  readonly cover: number;
  /** The value of a leaf, in margin units; 0 for a split. */
  readonly leaf: number;
  readonly split?: {
    readonly feature: number;
    readonly left: number;
    readonly right: number;
    readonly missingGoesRight: boolean;
    /** Values below it go left. Float32. */
    readonly threshold: number;
    /** For a categorical split: the codes that go right; every other code goes left. */
    readonly categories?: readonly number[];
  };
}

export interface Tree {
  /** Node 0 is the root. */
  readonly nodes: readonly TreeNode[];
  /** The output that the tree adds to. */
  readonly output: number;
}

/**
 * Trees in flat typed arrays. The children of a node are neighbours, so one index stands for both, and the four
 * integers of a node lie together: a step down touches two cache lines at the most.
 */
export class TreeEnsemble {
  readonly features: number;
  readonly outputs: number;
  /** Node at which each tree starts, and the output that it adds to. */
  readonly roots: Int32Array;
  readonly treeOutputs: Int32Array;
  /** Four per node: feature (-1 for a leaf), left child, 1 if missing values go right, first word of the categories (-1: numeric). */
  readonly links: Int32Array;
  /** Per node the threshold or the value of the leaf; for a categorical split the number of words of its bit set. */
  readonly values: Float32Array;
  /** Bit sets of the categories that go right. */
  readonly categoryWords: Int32Array;
  readonly covers: Float64Array;
  /** Nodes on the longest way from a root to a leaf. */
  readonly depth: number;

  constructor(features: number, outputs: number, trees: readonly Tree[]) {
    const nodes = trees.reduce((sum, tree) => sum + tree.nodes.length, 0);
    this.features = features;
    this.outputs = outputs;
    this.roots = new Int32Array(trees.length);
    this.treeOutputs = Int32Array.from(trees, (tree) => tree.output);
    this.links = new Int32Array(4 * nodes);
    this.values = new Float32Array(nodes);
    this.covers = new Float64Array(nodes);
    const words: number[] = [];
    let next = 0;
    let deepest = 0;
    for (const [t, tree] of trees.entries()) {
      this.roots[t] = next;
      const waiting = [{ from: 0, to: next, depth: 1 }];
      next += 1;
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
        const node = tree.nodes[item.from]!;
        deepest = Math.max(deepest, item.depth);
        this.#place(node, item.to, next, words);
        if (node.split === undefined) continue;
        waiting.push({ from: node.split.left, to: next, depth: item.depth + 1 });
        waiting.push({ from: node.split.right, to: next + 1, depth: item.depth + 1 });
        next += 2;
      }
    }
    this.categoryWords = Int32Array.from(words);
    this.depth = deepest;
  }

  /** Adds every tree's leaf to `margins` (rows by outputs), tree by tree and in float32, as XGBoost does. */
  addMargins(matrix: Float32Array, rows: number, margins: Float32Array): void {
    const { features, outputs, roots, treeOutputs, values } = this;
    for (let tree = 0; tree < roots.length; tree += 1) {
      const root = roots[tree]!;
      const output = treeOutputs[tree]!;
      for (let row = 0; row < rows; row += 1) {
        margins[row * outputs + output]! += values[this.#leaf(matrix, row * features, root)]!;
      }
    }
  }

  /** The child that the row at `base` of the matrix goes to from the split `node`. */
  child(matrix: Float32Array, base: number, node: number): number {
    const { links, values, categoryWords } = this;
    const at = node << 2;
    const left = links[at + 1]!;
    const value = matrix[base + links[at]!]!;
    // NaN is the one number that is not itself; the call of Number.isNaN is not always inlined here.
    if (value !== value) return left + links[at + 2]!; // oxlint-disable-line no-self-compare
    const first = links[at + 3]!;
    if (first < 0) return value < values[node]! ? left : left + 1;
    const word = value >> 5;
    if (word >= values[node]!) return left;
    return left + ((categoryWords[first + word]! >>> (value & 31)) & 1);
  }

  #leaf(matrix: Float32Array, base: number, root: number): number {
    const { links } = this;
    let node = root;
    while (links[node << 2]! >= 0) node = this.child(matrix, base, node);
    return node;
  }

  #place(node: TreeNode, to: number, children: number, words: number[]): void {
    const { split } = node;
    this.covers[to] = node.cover;
    if (split === undefined) {
      this.links.set([-1, 0, 0, -1], 4 * to);
      this.values[to] = node.leaf;
      return;
    }
    this.links.set([split.feature, children, split.missingGoesRight ? 1 : 0, -1], 4 * to);
    this.values[to] = split.threshold;
    if (split.categories === undefined) return;
    const bits: number[] = [];
    for (const code of split.categories) {
      while (bits.length <= code >> 5) bits.push(0);
      bits[code >> 5]! |= 1 << (code & 31);
    }
    this.links[4 * to + 3] = words.length;
    this.values[to] = bits.length;
    words.push(...bits);
  }
}
