import { SluiceError } from '../../core/error.ts';

/** How far into the data a NUL byte shows that it is not text. */
const SEARCHED_BYTES = 65_536;

/** The longest of the beginnings below. */
const HEAD_BYTES = 5;

/** What files begin with that people give instead of CSV: the kind, its first bytes, and what to do about it. */
const KINDS: readonly (readonly [kind: string, magic: readonly number[], remedy: string])[] = [
  ['gzip', [0x1f, 0x8b], 'Set intakeSettings.compression to gzip, or name the file .gz'],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd], 'Set intakeSettings.compression to zstd, or name the file .zst'],
  // The fifth byte begins a Thrift structure: a header line may well begin with PAR1.
  ['Parquet', [0x50, 0x41, 0x52, 0x31, 0x15], 'Give a CSV file, or set intakeSettings.format'],
  ['Excel (xlsx) or zip', [0x50, 0x4b, 0x03, 0x04], 'Save it as CSV'],
  ['Excel (xls)', [0xd0, 0xcf, 0x11, 0xe0], 'Save it as CSV'],
];

/**
 * Looks at the first bytes of an intake, before they are decoded, and throws CSV_BINARY when they are not text. Files of
 * well-known kinds are named.
 */
export class BinaryCheck {
  readonly #split: string;
  /** UTF-16 text is full of NUL bytes. */
  readonly #nulIsText: boolean;
  #head: Uint8Array = new Uint8Array(0);
  #seen = 0;

  constructor(split: string, nulIsText: boolean) {
    this.#split = split;
    this.#nulIsText = nulIsText;
  }

  /** Looks at the next chunk of the source. */
  see(chunk: Uint8Array): void {
    if (this.#seen >= SEARCHED_BYTES) return;
    if (this.#head.length < HEAD_BYTES) {
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, HEAD_BYTES)]).subarray(0, HEAD_BYTES);
      this.#checkHead();
    }
    const nul = this.#nulIsText ? -1 : chunk.subarray(0, SEARCHED_BYTES - this.#seen).indexOf(0);
    if (nul >= 0) {
      throw new SluiceError(
        'CSV_BINARY',
        `${this.#split} holds a NUL byte at offset ${this.#seen + nul}: it looks like a binary file. ` +
          'Give a CSV file; if it is text in UTF-16, set csvSettings.encoding to utf-16.',
      );
    }
    this.#seen += chunk.length;
  }

  #checkHead(): void {
    const starts = (magic: readonly number[]): boolean => magic.every((byte, i) => this.#head[i] === byte);
    for (const [kind, magic, remedy] of KINDS) {
      if (!starts(magic)) continue;
      throw new SluiceError('CSV_BINARY', `${this.#split} is not CSV but looks like a ${kind} file. ${remedy}.`);
    }
    if (!this.#nulIsText && (starts([0xff, 0xfe]) || starts([0xfe, 0xff]))) {
      throw new SluiceError(
        'INTAKE_ENCODING',
        `${this.#split} begins with the byte order mark of UTF-16. Set csvSettings.encoding to utf-16.`,
      );
    }
  }
}
