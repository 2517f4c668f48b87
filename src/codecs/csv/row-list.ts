/** Where the rows of a batch end, and the lines on which they start, while the batch grows. */
export class RowList {
  #ends = new Uint32Array(1024);
  #lines = new Float64Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(end: number, line: number): void {
    if (this.#length === this.#ends.length) this.#grow();
    this.#ends[this.#length] = end;
    this.#lines[this.#length] = line;
    this.#length += 1;
  }

  /** Copies of both, of their exact length; the list is empty then. */
  take(): { readonly ends: Uint32Array; readonly lines: Float64Array } {
    const taken = { ends: this.#ends.slice(0, this.#length), lines: this.#lines.slice(0, this.#length) };
    this.#length = 0;
    return taken;
  }

  #grow(): void {
    const ends = new Uint32Array(this.#ends.length * 2);
    ends.set(this.#ends);
    this.#ends = ends;
    const lines = new Float64Array(ends.length);
    lines.set(this.#lines);
    this.#lines = lines;
  }
}
