import { createHash } from 'node:crypto';
import { SluiceError } from '../../core/error.ts';
import type { ObjectRole, StagedOutput } from '../../core/object-store.ts';
import { ResumableSha256, type Sha256Mark } from './resumable-sha256.ts';

/** What one object of an output holds; kept in the ledger and in the manifest. */
export interface ObjectFacts {
  readonly bytes: number;
  /** Rows without the header, or lines. */
  readonly records: number;
  /** Hex. */
  readonly sha256: string;
}

/** The same in a ledger, with what the checksum is continued from where the object cannot be read again. */
export interface HeldFacts extends ObjectFacts {
  readonly mark?: Sha256Mark;
}

/** Small pieces are gathered to writes of so many bytes; the buffer is used again and again. */
const WRITE_BYTES = 512 * 1024;

/** One growing object of a staged output, with its running checksum. */
export class HashedObject {
  readonly #staged: StagedOutput;
  readonly #role: ObjectRole;
  #hash: RunningHash;
  #gathered: Uint8Array | null = null;
  #pending = 0;
  #bytes = 0;
  #records = 0;
  #failure: unknown;

  constructor(staged: StagedOutput, role: ObjectRole) {
    this.#staged = staged;
    this.#role = role;
    this.#hash = staged.reread === null ? new ResumableSha256() : nodeHash();
  }

  /** Bytes appended and gathered. */
  get bytes(): number {
    return this.#bytes + this.#pending;
  }

  /** What the object holds; everything must have been flushed. */
  get facts(): ObjectFacts {
    return { bytes: this.#bytes, records: this.#records, sha256: this.#hash.digest() };
  }

  /** The same for the ledger. */
  get held(): HeldFacts {
    const { mark } = this.#hash;
    return mark === undefined ? this.facts : { ...this.facts, mark };
  }

  /** Takes over what an interrupted run made durable: checks it against what the ledger says, and continues the checksum. */
  async continue(recorded: HeldFacts, output: string, signal: AbortSignal): Promise<void> {
    const { reread } = this.#staged;
    if (reread === null) {
      if (recorded.mark !== undefined) this.#hash = ResumableSha256.from(recorded.mark);
      this.#bytes = recorded.mark?.bytes ?? 0;
    } else {
      for await (const chunk of reread.call(this.#staged, this.#role, signal)) {
        this.#hash.update(chunk);
        this.#bytes += chunk.length;
      }
    }
    this.#records = recorded.records;
    const { bytes, sha256 } = this.facts;
    if (bytes !== recorded.bytes || sha256 !== recorded.sha256) {
      throw new SluiceError(
        'LEDGER_BROKEN',
        `the unfinished ${this.#role} of ${output} are not those that its ledger describes (${bytes} bytes, ${recorded.bytes} recorded); ` +
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
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    try {
      await this.#staged.append(this.#role, bytes, signal);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }
}

/** A checksum under way. */
interface RunningHash {
  /** Left out by one that cannot be put aside. */
  readonly mark?: Sha256Mark;
  update(bytes: Uint8Array): void;
  /** Of all bytes so far, in hex; more may follow. */
  digest(): string;
}

function nodeHash(): RunningHash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.copy().digest('hex') };
}
