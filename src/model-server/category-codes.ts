const encoder = new TextEncoder();

/** Finds the code of a category from the bytes of its text, without making a text of them: an open hash table. */
export class CategoryCodes {
  readonly #texts: readonly Uint8Array[];
  /** Code + 1 by slot; 0 is a free one. At most half full. */
  readonly #slots: Int32Array;

  constructor(categories: readonly string[]) {
    this.#texts = categories.map((text) => encoder.encode(text));
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * categories.length + 2)));
    for (const [code, text] of this.#texts.entries()) {
      let slot = this.#slotOf(text, 0, text.length);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1);
      this.#slots[slot] = code + 1;
    }
  }

  /** The code, or NaN for a text that is none of the categories: a missing value. */
  find(bytes: Uint8Array, start: number, end: number): number {
    let slot = this.#slotOf(bytes, start, end);
    for (let found = this.#slots[slot]!; found !== 0; found = this.#slots[slot]!) {
      if (same(this.#texts[found - 1]!, bytes, start, end)) return found - 1;
      slot = (slot + 1) & (this.#slots.length - 1);
    }
    return Number.NaN;
  }

  /** FNV-1a. */
  #slotOf(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    return (hash ^ (hash >>> 15)) & (this.#slots.length - 1);
  }
}

function same(text: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i += 1) if (text[i] !== bytes[start + i]) return false;
  return true;
}
