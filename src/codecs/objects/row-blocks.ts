import type { Json } from '../../core/json.ts';
import type { Schema } from '../../core/schema.ts';
import type { OutputRows } from '../../core/scored-batch.ts';
import type { ObjectWriter } from '../object-format.ts';
import type { HashedObject } from './hashed-object.ts';

/**
 * The rows of one output on their way to it: gathered until their block is full, written, and given back. Where a block ends
 * depends on the batches alone, never on time or commits, so that the same job gives the same bytes.
 */
export class RowBlocks {
  readonly #writer: ObjectWriter;
  readonly #object: HashedObject;
  #gathered: OutputRows[] = [];
  #bytes = 0;
  #state: Json;

  /** @param state that of the last block which is durable; null for a fresh start. */
  constructor(writer: ObjectWriter, object: HashedObject, state: Json) {
    this.#writer = writer;
    this.#object = object;
    this.#state = state;
  }

  /** What a writer has to know to go on behind the last closed block. */
  get state(): Json {
    return this.#state;
  }

  async begin(schema: Schema, seed: string, signal: AbortSignal): Promise<void> {
    const { bytes, state } = this.#writer.header(schema, seed);
    this.#state = state;
    await this.#object.append(bytes, 0, signal);
  }

  /** Takes the rows of a batch; true when they are the last ones of a block, which is closed then. */
  async add(rows: OutputRows, signal: AbortSignal): Promise<boolean> {
    this.#gathered.push(rows);
    this.#bytes += rows.bytes.length;
    if (this.#bytes < this.#writer.blockBytes) return false;
    await this.#close(signal);
    return true;
  }

  /** Writes what is left, and what stands behind the last row. */
  async end(signal: AbortSignal): Promise<void> {
    await this.#close(signal);
    await this.#object.append(await this.#writer.trailer(this.#state, this.#object.bytes), 0, signal);
  }

  async #close(signal: AbortSignal): Promise<void> {
    const rows = this.#gathered;
    this.#gathered = [];
    this.#bytes = 0;
    const count = rows.reduce((sum, { ends }) => sum + ends.length, 0);
    if (count > 0) {
      const { bytes, state } = await this.#writer.block(rows, this.#state, this.#object.bytes);
      this.#state = state;
      await this.#object.append(bytes, count, signal);
    }
    // What was written was copied by now.
    for (const { release } of rows) release?.();
  }
}
