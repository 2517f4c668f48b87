import { isTruth, WIRE, type WireField } from './mysql-columns.ts';

const COMMA = 0x2c;
const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
const ZERO = 0x30;
const HEX = Uint8Array.from(Buffer.from('0123456789abcdef'));

/** A cell as the library gives it: the server's bytes, or (of prepared statements) a value. */
export type Cell = Uint8Array | string | number | bigint | null;

type WriteCell = (bytes: Uint8Array, to: Records) => void;

/** How a result becomes records. */
export interface RecordForm {
  readonly fields: readonly WireField[];
  /** The result's column for each field of a record. */
  readonly places: readonly number[];
  /** Which of those are numbers of 32 bits. */
  readonly singles: readonly boolean[];
  readonly tinyIsTruth: boolean;
}

/** Canonical CSV that grows by the rows of a result. */
export class Records {
  readonly #cells: readonly WriteCell[];
  readonly #places: readonly number[];
  bytes: Uint8Array;
  length = 0;

  constructor({ fields, places, singles, tinyIsTruth }: RecordForm, room: number) {
    this.#places = places;
    this.#cells = places.map((place, i) => (singles[i] === true ? single : cellOf(fields[place]!, tinyIsTruth)));
    this.bytes = new Uint8Array(room);
  }

  add(row: readonly Cell[]): void {
    const start = this.length;
    for (let i = 0; i < this.#places.length; i += 1) {
      if (i > 0) this.byte(COMMA);
      const cell = row[this.#places[i]!];
      if (cell === null || cell === undefined) continue;
      this.#cells[i]!(typeof cell === 'object' ? cell : Buffer.from(String(cell)), this);
    }
    // A record of a single null would be an empty line, which is no record.
    if (this.length === start) {
      this.byte(QUOTE);
      this.byte(QUOTE);
    }
    this.byte(LF);
  }

  room(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.length + more, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  byte(one: number): void {
    if (this.length === this.bytes.length) this.room(1);
    this.bytes[this.length] = one;
    this.length += 1;
  }

  plain(bytes: Uint8Array): void {
    const { length } = bytes;
    this.room(length);
    const to = this.bytes;
    let at = this.length;
    // Below some 40 bytes a loop beats the call.
    if (length > 40) to.set(bytes, at);
    else for (let i = 0; i < length; i += 1) to[at++] = bytes[i]!;
    this.length += length;
  }

  /** Text: in quotes where it must be, and where it is empty. */
  text(bytes: Uint8Array): void {
    const { length } = bytes;
    this.room(2 * length + 2);
    const to = this.bytes;
    const start = this.length;
    let at = start;
    let quoted = length === 0;
    for (let i = 0; i < length; i += 1) {
      const one = bytes[i]!;
      if (one === COMMA || one === QUOTE || one === LF || one === CR) {
        quoted = true;
        break;
      }
      to[at++] = one;
    }
    if (quoted) {
      at = start;
      to[at++] = QUOTE;
      for (let i = 0; i < length; i += 1) {
        const one = bytes[i]!;
        to[at++] = one;
        if (one === QUOTE) to[at++] = QUOTE;
      }
      to[at++] = QUOTE;
    }
    this.length = at;
  }
}

function cellOf(field: WireField, tinyIsTruth: boolean): WriteCell {
  if (isTruth(field, tinyIsTruth)) return field.type === WIRE.bit ? bitTruth : truth;
  switch (field.type) {
    case WIRE.tiny:
    case WIRE.short:
    case WIRE.int24:
    case WIRE.long:
    case WIRE.longlong:
    case WIRE.year:
    case WIRE.decimal:
    case WIRE.newdecimal:
    case WIRE.float:
    case WIRE.double:
      return field.zerofill ? unpadded : plain;
    case WIRE.bit:
      return bits;
    case WIRE.datetime:
      return moment;
    case WIRE.timestamp:
      return instant;
    case WIRE.date:
    case WIRE.newdate:
    case WIRE.time:
      return plain;
    case WIRE.json:
    case WIRE.enum:
    case WIRE.set:
      return text;
    case WIRE.geometry:
      return hex;
    default:
      return field.binary ? hex : text;
  }
}

const plain: WriteCell = (bytes, to) => to.plain(bytes);
const text: WriteCell = (bytes, to) => to.text(bytes);

const TRUE = Uint8Array.from(Buffer.from('true'));
const FALSE = Uint8Array.from(Buffer.from('false'));

/** A `tinyint(1)` may hold other numbers, too: those stay what they are. */
const truth: WriteCell = (bytes, to) => {
  if (bytes.length === 1 && bytes[0] === ZERO) to.plain(FALSE);
  else to.plain(bytes.length === 1 && bytes[0] === ZERO + 1 ? TRUE : bytes);
};

const bitTruth: WriteCell = (bytes, to) => to.plain(bytes.some((one) => one !== 0) ? TRUE : FALSE);

/** A string of bits as the number that it is. */
const bits: WriteCell = (bytes, to) => {
  let number = 0n;
  for (const one of bytes) number = (number << 8n) | BigInt(one);
  to.plain(Buffer.from(String(number)));
};

/** Without the zeros that ZEROFILL puts before a number. */
const unpadded: WriteCell = (bytes, to) => {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === ZERO && bytes[from + 1]! >= ZERO && bytes[from + 1]! <= ZERO + 9)
    from += 1;
  to.plain(bytes.subarray(from));
};

/** `2026-01-02 03:04:05.500000` as `2026-01-02T03:04:05.5`. */
const moment: WriteCell = (bytes, to) => {
  let end = bytes.length;
  if (end > 19) {
    while (bytes[end - 1] === ZERO) end -= 1;
    if (end === 20) end = 19;
  }
  const from = to.length;
  to.plain(bytes.subarray(0, end));
  if (end >= 19) to.bytes[from + 10] = 0x54;
};

/** The session's zone is UTC. */
const instant: WriteCell = (bytes, to) => {
  moment(bytes, to);
  to.byte(0x5a);
};

const hex: WriteCell = (bytes, to) => {
  to.room(2 + 2 * bytes.length);
  to.byte(0x5c);
  to.byte(0x78);
  for (const one of bytes) {
    to.byte(HEX[one >> 4]!);
    to.byte(HEX[one & 15]!);
  }
};

/** A number of 32 bits, which comes with the digits of one of 64: the shortest text that is the same one. */
const single: WriteCell = (bytes, to) => {
  const value = Number(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'));
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return to.plain(Buffer.from(String(short)));
  }
  to.plain(Buffer.from(String(value)));
};
