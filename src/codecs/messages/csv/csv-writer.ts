import type { MessageHeader } from '../../../core/envelope.ts';
import type { MessageWriter, WrittenMessage } from '../../../core/message-format.ts';
import type { OutputRows } from '../../../core/scored-batch.ts';

const NO_HEADERS: readonly MessageHeader[] = [];

/** Writes each row as its canonical record without the LF. The messages share one copy of the rows' bytes. */
export class CsvMessageWriter implements MessageWriter {
  async write(output: OutputRows): Promise<readonly WrittenMessage[]> {
    const { ends } = output;
    const bytes = Buffer.allocUnsafeSlow(ends.at(-1) ?? 0);
    bytes.set(output.bytes.subarray(0, bytes.length));
    const messages: WrittenMessage[] = [];
    let start = 0;
    for (let i = 0; i < ends.length; i += 1) {
      messages.push({ value: bytes.subarray(start, ends[i]! - 1), headers: NO_HEADERS });
      start = ends[i]!;
    }
    return messages;
  }
}
