/** 4,096 registers: the estimate is within some 2 percent. */
const INDEX_BITS = 12;
const REGISTERS = 1 << INDEX_BITS;
/** The bias of the harmonic mean over so many registers. */
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);

/** So many different texts are counted one by one. */
const COUNTED = 2_048;

/**
 * Says how many different texts it has seen: exactly for a few, and beyond that by an estimate (HyperLogLog), in some 4 KB. The same texts
 * give the same number, whatever their order.
 */
export class DistinctSketch {
  readonly #registers = new Uint8Array(REGISTERS);
  /** The texts by their hashes; null once there are too many. */
  #counted: Set<number> | null = new Set();

  add(text: string): void {
    const [index, rest] = hash(text);
    if (this.#counted !== null) {
      this.#counted.add(index * 2 ** 20 + (rest >>> 12));
      if (this.#counted.size > COUNTED) this.#counted = null;
    }
    const register = index >>> (32 - INDEX_BITS);
    const rank = Math.clz32(rest) + 1;
    if (rank > this.#registers[register]!) this.#registers[register] = rank;
  }

  estimate(): number {
    if (this.#counted !== null) return this.#counted.size;
    let sum = 0;
    let empty = 0;
    for (const rank of this.#registers) {
      sum += 2 ** -rank;
      if (rank === 0) empty += 1;
    }
    const raw = (ALPHA * REGISTERS * REGISTERS) / sum;
    // While many registers are empty, their number tells more.
    return Math.round(raw <= 2.5 * REGISTERS && empty > 0 ? REGISTERS * Math.log(REGISTERS / empty) : raw);
  }
}

/** Two 32-bit hashes of a text (MurmurHash3's mixing over its code units, with two seeds). */
function hash(text: string): readonly [number, number] {
  let [a, b] = [0x9747b28c, 0x3c6ef372];
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0xcc9e2d51);
    a = (a << 15) | (a >>> 17);
    b = Math.imul(b ^ unit, 0x1b873593);
    b = (b << 13) | (b >>> 19);
  }
  return [mix(a ^ text.length), mix(b ^ text.length)];
}

function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
