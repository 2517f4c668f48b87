import { RecycledBuffers } from '../recycled-buffers.ts';
import { compiledKernel } from './compiled.ts';

// Node has it, its types for TypeScript do not, and those of browsers would bring in all the rest.
declare const WebAssembly: {
  readonly validate: (binary: Uint8Array) => boolean;
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly replyAt: { readonly value: number };
  scan(
    from: number,
    end: number,
    columns: number,
    most: number,
    longest: number,
    delimiter: number,
    quote: number,
    ends: number,
  ): number;
  number(from: number, ends: number, rows: number, endings: number, out: number): number;
  reply(
    from: number,
    end: number,
    rows: number,
    roles: number,
    cells: number,
    kinds: number,
    out: number,
    ends: number,
  ): number;
  join(
    rowBytes: number,
    rowEnds: number,
    scoreBytes: number,
    scoreEnds: number,
    rows: number,
    steps: number,
    stepsEnd: number,
    out: number,
    ends: number,
  ): number;
}

/** Records as canonical bytes, with the offset just past each. */
export interface KernelRecords {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

/** The same, copied for the caller. `release` may be called once nobody reads either any more: their memory is used again. */
interface CopiedRecords extends KernelRecords {
  readonly release: () => void;
}

/** What a scan takes for a plain record. */
export interface ScanRules {
  readonly columns: number;
  /** Records at the most; at least 1. */
  readonly most: number;
  /** Bytes of one record at the most, without its line end. */
  readonly longest: number;
  /** One byte each. */
  readonly delimiter: number;
  readonly quote: number;
}

/** Work that needs more scratch memory than this is left to the callers' own loops. */
const MOST_BYTES = 64 * 1024 * 1024;
const PAGE = 65_536;
/** Scores and output of a batch of the default size fit the one or the other. What is much smaller, or larger, is not kept. */
const spares = [128, 512].map((kib) => ({ bytes: kib * 1024, pool: new RecycledBuffers(kib * 1024, 32) }));
const SMALL_BYTES = 32 * 1024;
/** Behind each region: the functions read and write so far past its end. */
const SLACK = 64;

/**
 * The inner loops of the hot path in WebAssembly (kernel.wat). Bytes are copied into its scratch memory and out of it,
 * which costs a fraction of what the loops save, and leaves nobody with a view of memory that is used again. Every method
 * answers null when the work does not fit the scratch memory. The TypeScript loop beside each call is the reference:
 * property tests hold the two equal.
 */
export class Kernel {
  readonly #exports: KernelExports;
  #bytes = new Uint8Array(0);
  #words = new Uint32Array(0);

  private constructor(exports: KernelExports) {
    this.#exports = exports;
  }

  /** Null where WebAssembly is missing, or has no SIMD. */
  static load(): Kernel | null {
    if (typeof WebAssembly === 'undefined') return null;
    const binary = Buffer.from(compiledKernel, 'base64');
    if (!WebAssembly.validate(binary)) return null;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(binary));
    return new Kernel(instance.exports as KernelExports);
  }

  /**
   * Cuts `bytes` into records as long as they are plain: neither quote nor CR, the right number of fields, not blank, not too long,
   * with an LF at the end. Returns the offset just past each; the view holds until the next call of any method.
   */
  scan(bytes: Uint8Array, rules: ScanRules): Uint32Array | null {
    const { columns, longest, delimiter, quote } = rules;
    // A record of n fields has at least n bytes with its LF, and two when n is one, as it is not blank.
    const most = Math.min(rules.most, Math.floor(bytes.length / Math.max(2, columns)) + 1);
    const regions = this.#regions(bytes.length, 4 * most);
    if (regions === null) return null;
    const [from, ends] = regions as [number, number];
    this.#bytes.set(bytes, from);
    const to = from + bytes.length;
    const found = this.#exports.scan(from, to, columns, most, Math.min(longest, 2 ** 31), delimiter, quote, ends);
    return this.#words.subarray(ends >> 2, (ends >> 2) + found);
  }

  /**
   * Writes records to `target` from `at` on, each with its ending in place of its LF.
   * @param endings for each row a word of eight bytes: comma, number of the row, LF.
   */
  number(records: KernelRecords, endings: Uint8Array, target: Uint8Array, at: number): boolean {
    const { bytes, ends } = records;
    const regions = this.#regions(bytes.length, 4 * ends.length, 8 * ends.length, target.length - at);
    if (regions === null) return false;
    const [from, endsAt, endingsAt, out] = regions as [number, number, number, number];
    this.#bytes.set(bytes, from);
    this.#words.set(ends, endsAt >> 2);
    this.#bytes.set(endings.subarray(0, 8 * ends.length), endingsAt);
    const stop = this.#exports.number(from, endsAt, ends.length, endingsAt, out);
    target.set(this.#bytes.subarray(out, stop), at);
    return true;
  }

  /**
   * Takes records of a reply as long as they are plain and sound; see kernel.wat for the roles and kinds.
   * @param reply the records, the last with its LF.
   * @returns copies of the records without their numbers, and how far the reply was read.
   */
  reply(
    reply: Uint8Array,
    rows: number,
    roles: Uint8Array,
    kinds: Uint8Array,
  ): (CopiedRecords & { readonly at: number }) | null {
    const regions = this.#regions(reply.length, roles.length, 256, reply.length + SLACK, 4 * rows);
    if (regions === null) return null;
    const [from, rolesAt, kindsAt, out, endsAt] = regions as [number, number, number, number, number];
    this.#bytes.set(reply, from);
    this.#bytes.set(roles, rolesAt);
    this.#bytes.set(kinds, kindsAt);
    const to = from + reply.length;
    const taken = this.#exports.reply(from, to, rows, rolesAt, roles.length, kindsAt, out, endsAt);
    return { ...this.#copied(out, endsAt, taken), at: this.#exports.replyAt.value - from };
  }

  /**
   * Joins rows with their scores.
   * @param steps three words each: 0 (score) or 1 (row), first and last cell (-1: to the end); or 2, offset and length of a constant.
   * @param constants what the constants are offsets of.
   * @param room bytes that the outcome may have.
   */
  join(
    rows: KernelRecords,
    scores: KernelRecords,
    steps: Int32Array,
    constants: Uint8Array,
    room: number,
  ): CopiedRecords | null {
    const count = rows.ends.length;
    const regions = this.#regions(
      rows.bytes.length,
      4 * count,
      scores.bytes.length,
      4 * count,
      4 * steps.length,
      constants.length,
      room,
      4 * count,
    );
    if (regions === null) return null;
    const [rowBytes, rowEnds, scoreBytes, scoreEnds, stepsAt, constantsAt, out, endsAt] = regions as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    this.#bytes.set(rows.bytes, rowBytes);
    this.#words.set(rows.ends, rowEnds >> 2);
    this.#bytes.set(scores.bytes, scoreBytes);
    this.#words.set(scores.ends, scoreEnds >> 2);
    this.#words.set(steps, stepsAt >> 2);
    for (let i = 0; i < steps.length; i += 3) {
      if (steps[i] === 2) this.#words[(stepsAt >> 2) + i + 1]! += constantsAt;
    }
    this.#bytes.set(constants, constantsAt);
    const stepsEnd = stepsAt + 4 * steps.length;
    this.#exports.join(rowBytes, rowEnds, scoreBytes, scoreEnds, count, stepsAt, stepsEnd, out, endsAt);
    return this.#copied(out, endsAt, count);
  }

  /** Ends and bytes of records, in one block. */
  #copied(out: number, endsAt: number, count: number): CopiedRecords {
    const length = count === 0 ? 0 : this.#words[(endsAt >> 2) + count - 1]!;
    const total = 4 * count + length;
    const pool = total < SMALL_BYTES ? undefined : spares.find(({ bytes }) => total <= bytes)?.pool;
    const block = pool?.take(total) ?? new Uint8Array(total);
    const ends = new Uint32Array(block.buffer, 0, count);
    ends.set(this.#words.subarray(endsAt >> 2, (endsAt >> 2) + count));
    const bytes = block.subarray(4 * count, total);
    bytes.set(this.#bytes.subarray(out, out + length));
    return { bytes, ends, release: () => pool?.give(block) };
  }

  /** Offsets of regions of these lengths in the scratch memory, which grows when it must; null when it would be too large. */
  #regions(...lengths: readonly number[]): number[] | null {
    let at = 0;
    const regions = lengths.map((length) => {
      const region = at;
      // Words must lie on even offsets; 64 keeps the regions on lines of the cache.
      at += (length + 2 * SLACK - 1) & -SLACK;
      return region;
    });
    if (at > MOST_BYTES) return null;
    const { memory } = this.#exports;
    if (memory.buffer.byteLength < at) memory.grow(Math.ceil((at - memory.buffer.byteLength) / PAGE));
    if (this.#bytes.buffer !== memory.buffer) {
      this.#bytes = new Uint8Array(memory.buffer);
      this.#words = new Uint32Array(memory.buffer);
    }
    return regions;
  }
}

/** The one of this thread: no method waits, so all can share its memory. */
export const kernel: Kernel | null = Kernel.load();
