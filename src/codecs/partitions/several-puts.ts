/** Files are small, and a store takes its time for each. */
const AT_ONCE = 8;

/** Objects that are put, several at once. */
export class SeveralPuts implements AsyncDisposable {
  readonly #underWay: Promise<void>[] = [];

  /** Returns when there is room for the next one. Throws what an earlier one threw. */
  async add(put: Promise<void>): Promise<void> {
    // Whoever waits for it hears of its failure.
    put.catch(() => undefined);
    this.#underWay.push(put);
    if (this.#underWay.length === AT_ONCE) await this.#underWay.shift();
  }

  /** All of them are done. */
  async done(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** None is under way any more, however it ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }
}
