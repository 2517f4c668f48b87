import { COMMA, encodeField } from '../../../core/canonical-csv.ts';
import type { Envelope } from '../../../core/envelope.ts';
import type { MessageReader, ReadMessages } from '../../../core/message-format.ts';
import { gatherValues } from '../gathered-values.ts';
import { KnownColumns } from '../known-columns.ts';
import { RowsUnderWay } from '../rows-under-way.ts';
import { unreadableMessages } from '../unreadable.ts';
import { KeyList } from './key-list.ts';
import { ESCAPED, MISSING, NESTED, ObjectScanner, PLAIN } from './object-scanner.ts';

/** No byte of JSON: no value runs into the next one. */
const NUL = 0;
/** Values longer than this are copied by a call; shorter ones sooner by a loop. */
const LONG = 48;

/** Reads values that are one JSON object each: the fields are columns. Of a name that comes twice the last value counts. */
export class JsonMessageReader implements MessageReader {
  readonly #columns: KnownColumns;
  readonly #keys: KeyList;
  readonly #scanner: ObjectScanner;

  /**
   * @param names null: the columns are those of the messages.
   * @param expected columns that there are besides, whatever the messages have.
   */
  constructor(names: readonly string[] | null, expected: readonly string[] = []) {
    this.#columns = new KnownColumns(names, expected);
    this.#columns.add([]);
    this.#keys = new KeyList(this.#columns);
    this.#scanner = new ObjectScanner(this.#keys);
  }

  async read(messages: readonly Envelope[]): Promise<ReadMessages> {
    const { bytes, ends, faults } = gatherValues(messages, NUL);
    const rows = new RowsUnderWay(messages.length, bytes.length);
    for (let i = 0, start = 0; i < ends.length; i += 1) {
      const end = ends[i]! - 1;
      if (!faults.has(i)) {
        const fault = this.#scanner.scan(bytes, start, end) ?? this.#noField();
        if (fault === null) {
          if (this.#keys.hasFresh) {
            rows.cut(this.#columns.schema);
            this.#keys.keepFresh();
          }
          // Each byte of nested text may be doubled; a field that is missing is a comma.
          rows.reserve(2 * (end - start) + this.#columns.count + 8);
          this.#write(bytes, rows);
          rows.endRow(i);
        } else {
          this.#keys.dropFresh();
          faults.set(i, fault);
        }
      }
      start = end + 1;
    }
    rows.cut(this.#columns.schema);
    return { runs: rows.runs, unreadable: unreadableMessages(faults) };
  }

  #noField(): string | null {
    return this.#keys.count === 0 ? 'The value is a JSON object without fields, before any field is known.' : null;
  }

  #write(bytes: Buffer, rows: RowsUnderWay): void {
    const { kinds, starts, ends } = this.#scanner;
    const out = rows.bytes;
    const count = this.#columns.count;
    let write = rows.at;
    for (let column = 0; column < count; column += 1) {
      if (column > 0) out[write++] = COMMA;
      const kind = kinds[column]!;
      if (kind === MISSING) continue;
      let start = starts[column]!;
      let end = ends[column]!;
      if (kind === ESCAPED || kind === NESTED) {
        const source = bytes.toString('utf8', start, end);
        const text = kind === NESTED ? source : (JSON.parse(source) as string);
        write += out.write(encodeField(text), write);
        continue;
      }
      if (kind === PLAIN) {
        start += 1;
        end -= 1;
      }
      if (end - start > LONG) {
        out.set(bytes.subarray(start, end), write);
        write += end - start;
      } else {
        for (let at = start; at < end; at += 1) out[write++] = bytes[at]!;
      }
    }
    rows.at = write;
  }
}
