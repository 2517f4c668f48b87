import { expect, test } from 'vitest';
import { idPrefix } from '../../src/codecs/messages/avro/schema-id.ts';
import { createMessageReader } from '../../src/codecs/messages/message-formats.ts';
import { SchemaRegistry } from '../../src/codecs/messages/registry/schema-registry.ts';
import { systemClock } from '../../src/core/clock.ts';
import { messagesOf, never } from '../unit/codecs/messages/messages.ts';
import { schemasServer } from '../unit/codecs/messages/registry-server.ts';

const LIST = { type: 'record', name: 'List', fields: ['v', 'next'].map((name) => ({ name, type: ['null', 'List'] })) };
const SCHEMA = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'list', type: LIST },
  ],
};

/** The record 1 with so many lists, each in the one before. */
const nested = (depth: number): Buffer =>
  Buffer.concat([
    idPrefix(1),
    Buffer.from([2]),
    Buffer.alloc(2 * depth).fill(Buffer.from([0, 2])),
    Buffer.from([0, 0]),
  ]);

// 5 kB of a list within a list within a list … were read, and then ended the stack when they became text: RangeError, the job, and every
// job after it that came to the message.
test('a message that is nested without end is a dead letter, and the rows around it are read', async () => {
  await using server = await schemasServer(new Map([[1, SCHEMA]]));
  const settings = { urls: [server.url], auth: null, retryMs: 1_000, timeoutMs: 5_000 };
  const registry = new SchemaRegistry(settings, systemClock);
  const reader = createMessageReader({ format: 'avro' }, { clock: systemClock, registry });
  const depths = [1, 400, 600, 1_500, 2_500, 3_500, 5_000, 50_000, 2];
  const { runs, unreadable } = await reader.read(messagesOf(depths.map(nested)), never);
  expect(runs.flatMap(({ messages }) => [...messages])).toEqual([0, 1, 8]);
  expect(unreadable.map(({ message }) => message)).toEqual([2, 3, 4, 5, 6, 7]);
  for (const { reason } of unreadable) expect(reason).toMatch(/begins at byte \d+ is nested more than 1000 deep/);
});
