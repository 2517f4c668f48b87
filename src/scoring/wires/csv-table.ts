import { COMMA, decodeField, decodeRecord, LF, QUOTE } from '../../core/canonical-csv.ts';
import { type Kernel, kernel as sharedKernel } from '../../core/kernel/kernel.ts';
import type { RowFailure, ScoreColumn } from '../../core/scorer.ts';
import { classifies, columnsOf, STATUS_COLUMN } from './datarobot-columns.ts';
import { numberingFault, replyMismatch } from './reply-mismatch.ts';
import { cutText } from './reply-text.ts';

const CR = 0x0d;
const ZERO = 0x30;

/** What is done with a cell of a reply: copied, copied and checked, or consumed. */
const FREE = 0;
const NUMBER = 1;
const PRESENT = 2;
const STATUS = 3;
const NUMBERING = 4;

/** Kinds of bytes in a cell; from STOP on they end an unquoted one. */
const DIGIT = 1;
const NUMERIC = 2;
const OTHER = 4;
const STOP = 8;

const kinds = new Uint8Array(256).fill(OTHER);
for (const byte of Buffer.from('0123456789')) kinds[byte] = DIGIT;
for (const byte of Buffer.from('+-.eE')) kinds[byte] = NUMERIC;
for (const byte of [COMMA, LF, CR, QUOTE]) kinds[byte] = STOP;

const decoder = new TextDecoder();

/** A reply as `Scores` holds it. */
export interface ReplyTable {
  readonly columns: readonly ScoreColumn[];
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  /** As in `Scores`. */
  readonly release?: () => void;
  readonly failures: readonly RowFailure[];
}

/** What a header line says: the same for nearly all replies of a job, and so worked out once. */
interface Plan {
  /** The header line with its line end. */
  readonly header: Uint8Array;
  readonly witness: string | null;
  readonly columns: readonly ScoreColumn[];
  /** FREE to NUMBERING for each cell of a record. */
  readonly roles: Uint8Array;
}

/**
 * Reads replies in CSV with DataRobot's columns into canonical records. CRLF, needless quotes, a byte order mark and a missing last
 * line end are put right; everything else that is not exactly one record per row, in order, is REPLY_MISMATCH.
 */
export class CsvTableReader {
  readonly #target: string;
  readonly #kernel: Kernel | null;
  #plan: Plan | null = null;

  /**
   * @param target for messages: which deployment of which server.
   * @param kernel null to read without it.
   */
  constructor(target: string, kernel: Kernel | null = sharedKernel) {
    this.#target = target;
    this.#kernel = kernel;
  }

  /** @param witness the name of the column that numbers the rows; null when there is none. */
  read(reply: Uint8Array, rows: number, witness: string | null): ReplyTable {
    const body = this.#complete(reply, witness);
    const plan = this.#planFor(body, witness);
    const { roles } = plan;
    const cells = roles.length;
    // The records that are as they should be, which nearly always are all.
    const plain = this.#kernel?.reply(body.subarray(plan.header.length), rows, roles, kinds);
    if (plain?.ends.length === rows && plan.header.length + plain.at === body.length) {
      const { bytes, ends, release } = plain;
      return { columns: plan.columns, bytes, ends, release, failures: [] };
    }
    const bytes = Buffer.allocUnsafe(body.length - plan.header.length + 2 * rows);
    const ends = new Uint32Array(rows);
    const failures: RowFailure[] = [];
    let numbers: number[] | null = null;
    let at = plan.header.length + (plain?.at ?? 0);
    let out = plain?.bytes.length ?? 0;
    let row = plain?.ends.length ?? 0;
    if (plain) {
      bytes.set(plain.bytes);
      ends.set(plain.ends);
      plain.release();
    }

    for (; at < body.length; row += 1) {
      // Records beyond the rows are only counted, for the message.
      if (row >= rows) out = 0;
      const record = out;
      let reason = '';
      for (let cell = 0; cell < cells; cell += 1) {
        const role = roles[cell]!;
        const from = at;
        const first = out;
        let found = 0;
        if (role === NUMBERING) {
          // Nearly always digits and the line end; anything else goes the long way.
          let number = 0;
          let digit = body[at]! - ZERO;
          for (; digit >= 0 && digit <= 9; digit = body[at]! - ZERO) {
            number = number * 10 + digit;
            at += 1;
          }
          if (body[at] === LF && number === row && at > from && numbers === null) {
            at += 1;
            continue;
          }
          at = from;
        }
        if (body[at] === QUOTE) {
          const end = this.#closing(body, at, row);
          for (let i = at + 1; i < end - 1; i += 1) found |= kinds[body[i]!]!;
          // The quotes stay where they are needed: around separators, and around nothing (the empty text is not null).
          const bare = found !== 0 && found < STOP ? 1 : 0;
          for (at += bare; at < end - bare; at += 1, out += 1) bytes[out] = body[at]!;
          at = end;
          if (found >= STOP) found |= OTHER;
        } else {
          for (let kind = kinds[body[at]!]!; kind < STOP; kind = kinds[body[at]!]!) {
            found |= kind;
            bytes[out] = body[at]!;
            at += 1;
            out += 1;
          }
        }
        if (role === NUMBERING) {
          const number = numberIn(bytes, first, out);
          out = first;
          if (number !== row) numbers ??= Array.from({ length: row }, (_, i) => i);
          numbers?.push(number);
        } else if (role === STATUS) {
          const status = decodeField(bytes, first, out) ?? '';
          out = first;
          if (status !== 'OK') reason = cutText(status) || 'the server gives the row no status';
        } else {
          if (role !== FREE && reason === '' && !isGiven(role, found)) reason = notGiven(body, from, at, found);
          bytes[out] = COMMA;
          out += 1;
        }
        const last = cell === cells - 1;
        if (last && body[at] === CR) at += 1;
        if (body[at] !== (last ? LF : COMMA)) throw this.#ragged(row, cells);
        at += 1;
      }
      // A record of one blank cell would be an empty line, which is no record.
      if (out === record + 1) {
        bytes[record] = QUOTE;
        bytes[record + 1] = QUOTE;
        out = record + 3;
      }
      bytes[out - 1] = LF;
      if (row < rows) ends[row] = out;
      if (reason !== '') failures.push({ row, reason, attempts: 1 });
    }

    if (numbers !== null) throw replyMismatch(this.#target, numberingFault(numbers, rows));
    if (row !== rows) throw replyMismatch(this.#target, `has ${row} rows for ${rows}`);
    return { columns: plan.columns, bytes: bytes.subarray(0, out), ends, failures };
  }

  /** The reply with a line end after its last record. */
  #complete(reply: Uint8Array, witness: string | null): Uint8Array {
    if (reply.length === 0) throw replyMismatch(this.#target, 'is empty');
    if (reply.at(-1) === LF) return reply;
    // Without a number at its end nobody can tell a whole last record from one that was cut off.
    if (witness === null) throw replyMismatch(this.#target, 'breaks off in its last record');
    return Buffer.concat([reply, Buffer.of(LF)]);
  }

  #planFor(body: Uint8Array, witness: string | null): Plan {
    const known = this.#plan;
    if (known !== null && known.witness === witness) {
      const { header } = known;
      if (Buffer.compare(body.subarray(0, header.length), header) === 0) return known;
    }
    const header = body.slice(0, this.#headerEnd(body));
    const names = headerNames(header);
    if (witness !== null && names.at(-1) !== witness) {
      throw replyMismatch(
        this.#target,
        `does not give back the column ${witness} that numbers the rows (its columns: ${cutText(names.join(', '))}); ` +
          'set deployment.rowWitness: false for servers that refuse passthroughColumns',
      );
    }
    const own = names.slice(0, witness === null ? undefined : -1);
    const columns = columnsOf(own.filter((name) => name !== STATUS_COLUMN));
    if (!columns.some((column) => column.role.kind === 'prediction')) {
      throw replyMismatch(this.#target, `has no prediction column (its columns: ${cutText(names.join(', '))})`);
    }
    this.#plan = { header, witness, columns, roles: rolesOf(own, columns, witness) };
    return this.#plan;
  }

  #headerEnd(body: Uint8Array): number {
    let quoted = false;
    for (let at = 0; at < body.length; at += 1) {
      if (body[at] === QUOTE) quoted = !quoted;
      else if (body[at] === LF && !quoted) return at + 1;
    }
    throw replyMismatch(this.#target, 'is not CSV: its header line has no end');
  }

  /** The offset behind the closing quote of the cell that starts at `at`. */
  #closing(body: Uint8Array, at: number, row: number): number {
    for (let end = at + 1; ; end += 2) {
      end = body.indexOf(QUOTE, end);
      if (end === -1) throw replyMismatch(this.#target, `is not CSV: a quote in row ${row} is never closed`);
      if (body[end + 1] !== QUOTE) return end + 1;
    }
  }

  #ragged(row: number, cells: number): Error {
    return replyMismatch(
      this.#target,
      `is not CSV: row ${row} has not the ${cells} cells of the header, or breaks off`,
    );
  }
}

function headerNames(header: Uint8Array): readonly string[] {
  // The decoder takes a byte order mark away.
  const text = decoder.decode(header).replace(/\r?\n$/, '\n');
  const line = Buffer.from(text);
  return decodeRecord(line, 0, line.length).map((name) => name ?? '');
}

function rolesOf(names: readonly string[], columns: readonly ScoreColumn[], witness: string | null): Uint8Array {
  const label = classifies(columns) ? PRESENT : NUMBER;
  const rest = [...columns];
  const roles = names.map((name) => {
    if (name === STATUS_COLUMN) return STATUS;
    const kind = rest.shift()?.role.kind;
    if (kind === 'prediction') return label;
    return kind === 'probability' ? NUMBER : FREE;
  });
  return Uint8Array.from(witness === null ? roles : [...roles, NUMBERING]);
}

/** Whether a cell holds what its role asks for. @param found the kinds of its bytes, or'ed. */
function isGiven(role: number, found: number): boolean {
  return role === NUMBER ? (found & (DIGIT | OTHER)) === DIGIT : found !== 0;
}

function notGiven(body: Uint8Array, from: number, to: number, found: number): string {
  if (found === 0) return 'the prediction is blank';
  return `the prediction is ${cutText(decoder.decode(body.subarray(from, Math.min(to, from + 100))))}, not a number`;
}

/** The whole number in a cell; `3.0` counts, as servers that hold columns as floats write it. NaN for anything else. */
function numberIn(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const digit = bytes[at]! - ZERO;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
    else return /^\d+\.0+$/.test(decoder.decode(bytes.subarray(from, to))) ? value : Number.NaN;
  }
  return to > from ? value : Number.NaN;
}
