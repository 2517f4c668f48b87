import type { MessageReader } from '../../../src/core/message-format.ts';
import { schemaOf } from '../../../src/core/schema.ts';

/** Every message is a row of one column; an empty one is unreadable. */
export function lineMessages(): MessageReader {
  return {
    read: async (messages) => {
      const rows = messages.flatMap(({ value }, index) => ((value?.length ?? 0) > 0 ? [index] : []));
      const texts = rows.map((index) => `${Buffer.from(messages[index]!.value!).toString()}\n`);
      let length = 0;
      const run = {
        schema: schemaOf(['text']),
        bytes: Buffer.from(texts.join('')),
        ends: Uint32Array.from(texts, (text) => (length += text.length)),
        messages: Uint32Array.from(rows),
      };
      const unreadable = messages.flatMap(({ value }, message) =>
        value?.length ? [] : [{ message, reason: 'empty' }],
      );
      return { runs: rows.length === 0 ? [] : [run], unreadable };
    },
  };
}

/** How a topic is read here. */
export const lineConsumer = {
  readCommitted: true,
  sessionTimeoutMs: 6_000,
  drainMs: 4_000,
  stuckMs: 60_000,
  bufferBytes: 1 << 20,
};
