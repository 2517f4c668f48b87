import type { Envelope } from '../../../core/envelope.ts';
import type { MessageReader, ReadMessages } from '../../../core/message-format.ts';
import { gatherValues } from '../gathered-values.ts';
import { KnownColumns } from '../known-columns.ts';
import { RowsUnderWay } from '../rows-under-way.ts';
import { unreadableMessages } from '../unreadable.ts';
import { KeyList } from './key-list.ts';
import { ObjectScanner } from './object-scanner.ts';
import { rowRoom, writeRow } from './scanned-row.ts';

/** No byte of JSON: no value runs into the next one. */
const NUL = 0;
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
          rows.reserve(rowRoom(end - start, this.#columns.count));
          rows.at = writeRow(bytes, this.#scanner, this.#columns.count, rows.bytes, rows.at);
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
}
