import { SluiceError } from '../../core/error.ts';
import { sameJson } from '../../core/json.ts';
import type { ObjectDigest } from '../../core/ledger.ts';
import type { ObjectRole, StagedOutput } from '../../core/object-store.ts';
import { type Checksum, treeChecksum, wholeChecksum } from './checksum.ts';
import type { TreeMark } from './tree-hash.ts';

/** What one object of an output holds; kept in the ledger and in the manifest. */
type ObjectFacts = ObjectDigest & {
  readonly bytes: number;
  /** Rows without the header, or lines. */
  readonly records: number;
};

/** The same in a ledger, with what the checksum is continued from where the object cannot be read again. */
export type HeldFacts = ObjectFacts & { readonly mark?: TreeMark };

/** Small pieces are gathered to writes of so many bytes; the buffer is used again and again. */
const WRITE_BYTES = 512 * 1024;

/** One growing object of a staged output, with its running checksum. */
export class HashedObject {
  readonly #staged: StagedOutput;
  readonly #role: ObjectRole;
  #checksum: Checksum;
  #gathered: Uint8Array | null = null;
  #pending = 0;
  #bytes = 0;
  #records = 0;
  #failure: unknown;

  constructor(staged: StagedOutput, role: ObjectRole) {
    this.#staged = staged;
    this.#role = role;
    this.#checksum = staged.sealed ? treeChecksum(undefined) : wholeChecksum();
  }

  /** Bytes appended and gathered. */
  get bytes(): number {
    return this.#bytes + this.#pending;
  }

  /** What the object holds; everything must have been flushed. */
  get facts(): ObjectFacts {
    return { bytes: this.#bytes, records: this.#records, ...this.#checksum.digest() };
  }

  /** The same for the ledger. */
  get held(): HeldFacts {
    const { mark } = this.#checksum;
    return mark === undefined ? this.facts : { ...this.facts, mark };
  }

  /** Takes over what an interrupted run made durable: checks it against what the ledger says, and continues the checksum. */
  async continue(recorded: HeldFacts, output: string, signal: AbortSignal): Promise<void> {
    if (this.#staged.sealed) this.#checksum = treeChecksum(recorded.mark);
    this.#bytes = this.#checksum.mark?.bytes ?? 0;
    for await (const chunk of this.#staged.reread(this.#role, this.#bytes, signal)) {
      this.#checksum.update(chunk);
      this.#bytes += chunk.length;
    }
    this.#records = recorded.records;
    const { mark: _, ...facts } = recorded;
    if (!sameJson(this.facts, facts)) {
      throw new SluiceError(
        'LEDGER_BROKEN',
        `the unfinished ${this.#role} of ${output} are not those that its ledger describes (${this.#bytes} bytes, ${recorded.bytes} recorded); ` +
          'something else changed them. Restore them, or start anew with --overwrite.',
      );
    }
  }

  /** Appends bytes, which may be written to again when it returns. */
  async append(bytes: Uint8Array, records: number, signal: AbortSignal): Promise<void> {
    this.#records += records;
    if (this.#pending + bytes.length > WRITE_BYTES) await this.flush(signal);
    if (bytes.length > WRITE_BYTES) {
      await this.#write(bytes, signal);
      return;
    }
    if (bytes.length === 0) return;
    this.#gathered ??= Buffer.allocUnsafeSlow(WRITE_BYTES);
    this.#gathered.set(bytes, this.#pending);
    this.#pending += bytes.length;
  }

  /** Hands on what was gathered. */
  async flush(signal: AbortSignal): Promise<void> {
    if (this.#pending === 0 || this.#gathered === null) return;
    const bytes = this.#gathered.subarray(0, this.#pending);
    this.#pending = 0;
    await this.#write(bytes, signal);
  }

  /** After a failure nobody knows what was written, so every later write fails with it, too. */
  async #write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#checksum.update(bytes);
    this.#bytes += bytes.length;
    try {
      await this.#staged.append(this.#role, bytes, signal);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }
}
