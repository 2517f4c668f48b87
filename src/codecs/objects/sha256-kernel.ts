// Node has it, its types for TypeScript do not, and those of browsers would bring in all the rest.
declare const WebAssembly: {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

/** The compression function of SHA-256 (FIPS 180-4, 6.2.2) over a memory of its own. */
export interface Sha256Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Takes the blocks of 64 bytes from address `at` to `end` into the eight words of state at address 0. */
  readonly compress: (at: number, end: number) => void;
}

/** Pages of 64 KiB. */
const PAGES = 5;

const primes = [...Array(312).keys()].filter((n) => n > 1 && [...Array(n).keys()].every((d) => d < 2 || n % d !== 0));
/** The first 32 bits behind the point. */
const fraction = (root: number): number => ((root - Math.floor(root)) * 2 ** 32) | 0;

/** The state that every hash begins with (5.3.3). */
export const SHA256_START: Int32Array = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
/** The constants of the 64 rounds (4.2.2). */
const ROUND_CONSTANTS = primes.slice(0, 64).map((prime) => fraction(Math.cbrt(prime)));

let kernel: Sha256Kernel | undefined;

/** The one instance of this process; whoever uses it leaves nothing in its memory. */
export function sha256Kernel(): Sha256Kernel {
  if (kernel === undefined) {
    // Two exports, as `moduleOf` names them.
    kernel = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(program()))).exports as Sha256Kernel;
  }
  return kernel;
}

type Code = readonly number[];

/** A number as WebAssembly writes it (signed LEB128, which small numbers without a sign are, too). */
function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value | 0; ; ) {
    const low = rest & 0x7f;
    rest >>= 7;
    const isLast = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
}

/** A count, as sections and sizes have it (unsigned LEB128). */
function count(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...count(value >>> 7)];
}

const get = (local: number): Code => [0x20, ...count(local)];
const set = (local: number, value: Code): Code => [...value, 0x21, ...count(local)];
const constant = (value: number): Code => [0x41, ...leb(value)];
const load = (address: Code, offset: number): Code => [...address, 0x28, 2, ...count(offset)];
const store = (offset: number, value: Code): Code => [...constant(0), ...value, 0x36, 2, ...count(offset)];
const operation =
  (code: number) =>
  (first: Code, ...rest: readonly Code[]): Code =>
    rest.reduce<Code>((all, next) => [...all, ...next, code], first);
const add = operation(0x6a);
const and = operation(0x71);
const xor = operation(0x73);
const shiftRight = operation(0x76);
const rotateRight = operation(0x78);
/** The sum of three rotations, the last of them perhaps a shift. */
const mixed = (value: Code, one: number, two: number, three: number, last = rotateRight): Code =>
  xor(rotateRight(value, constant(one)), rotateRight(value, constant(two)), last(value, constant(three)));

/** Its locals: the two parameters, a word, the eight working variables, and the last 16 words of the schedule. */
const [AT, END, WORD, WORKING, SCHEDULE] = [0, 1, 2, 3, 11];

/** The local with the word of the schedule that a round uses. */
const scheduled = (round: number): number => SCHEDULE + (round % 16);

/** The body of `compress`, its 64 rounds one after the other: as a loop it would be half as fast. */
function program(): Code {
  const code: number[] = [];
  for (let round = 0; round < 64; round += 1) {
    const word = scheduled(round);
    if (round < 16) {
      // Words are big-endian, the memory is not: each half of the bytes is turned by its own rotation.
      code.push(...set(WORD, load(get(AT), 4 * round)));
      const even = and(rotateRight(get(WORD), constant(24)), constant(0x00ff00ff));
      const odd = and(rotateRight(get(WORD), constant(8)), constant(0xff00ff00));
      code.push(...set(word, xor(even, odd)));
    } else {
      const early = mixed(get(scheduled(round - 15)), 7, 18, 3, shiftRight);
      const late = mixed(get(scheduled(round - 2)), 17, 19, 10, shiftRight);
      code.push(...set(word, add(get(word), early, get(scheduled(round - 7)), late)));
    }
    // In place of moving the eight variables on, their names move.
    const [a, b, c, d, e, f, g, h] = Array.from({ length: 8 }, (_, i) => WORKING + ((i + 64 - round) % 8)) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const choice = xor(get(g), and(get(e), xor(get(f), get(g))));
    const sum = add(get(h), mixed(get(e), 6, 11, 25), choice, constant(ROUND_CONSTANTS[round]!), get(word));
    const majority = xor(and(get(a), get(b)), and(get(c), xor(get(a), get(b))));
    code.push(...set(WORD, sum), ...set(d, add(get(d), get(WORD))));
    code.push(...set(h, add(get(WORD), mixed(get(a), 2, 13, 22), majority)));
  }
  const words = Array.from({ length: 8 }, (_, i) => i);
  const begin = words.flatMap((i) => set(WORKING + i, load(constant(0), 4 * i)));
  const end = words.flatMap((i) => store(4 * i, add(get(WORKING + i), load(constant(0), 4 * i))));
  const atEnd = [...get(AT), ...get(END), 0x4f];
  const next = set(AT, add(get(AT), constant(64)));
  // block; loop; leave the block at the end; …; again; end of the loop; end of the block.
  return [0x02, 0x40, 0x03, 0x40, ...atEnd, 0x0d, 1, ...begin, ...code, ...end, ...next, 0x0c, 0, 0x0b, 0x0b];
}

/** `\0asm`, version 1. */
const HEAD: Code = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const INT = 0x7f;
const name = (text: string): Code => [text.length, ...Buffer.from(text)];

/** A module with a memory and one function of two numbers. */
function moduleOf(body: Code): Uint8Array {
  const section = (id: number, content: Code): Code => [id, ...count(content.length), ...content];
  const code = [1, ...count(25), INT, ...body, 0x0b];
  return Uint8Array.from([
    ...HEAD,
    ...section(1, [1, 0x60, 2, INT, INT, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, PAGES]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('compress'), 0, 0]),
    ...section(10, [1, ...count(code.length), ...code]),
  ]);
}
