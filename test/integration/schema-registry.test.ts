import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { createMessageReader, createMessageWriter } from '../../src/codecs/messages/message-formats.ts';
import { SchemaRegistry } from '../../src/codecs/messages/registry/schema-registry.ts';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { systemClock } from '../../src/core/clock.ts';
import { columnNames, type Schema } from '../../src/core/schema.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { needs } from '../support/services/needs.ts';
import { type SchemaRegistry as RegistryService, schemaRegistry } from '../support/services/schema-registry.ts';
import { fieldsOf, messagesOf, never, sent } from '../unit/codecs/messages/messages.ts';

const record = (name: string, fields: readonly object[]): string =>
  JSON.stringify({ type: 'record', name, namespace: 'com.example', fields });

needs('registry')('messages of Avro over a real schema registry', () => {
  let service: RegistryService;
  beforeAll(async () => {
    service = await schemaRegistry();
    return () => service[Symbol.asyncDispose]();
  }, 180_000);

  const portsOf = () => ({
    clock: systemClock,
    registry: new SchemaRegistry({ urls: [service.url], auth: null, retryMs: 5_000, timeoutMs: 5_000 }, systemClock),
  });
  const register = async (subject: string, body: object): Promise<void> => {
    const response = await fetch(`${service.url}/subjects/${subject}/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify(body),
    });
    expect([response.status, await response.text()]).toMatchObject([200, expect.stringContaining('id')]);
  };

  test.each(['value', 'header'] as const)(
    'rows come back, and more columns are a new version; the ID in the %s',
    async (schemaId) => {
      const subject = `rows-${randomUUID()}-value`;
      const writer = createMessageWriter({ format: 'avro', subject, schemaId }, portsOf());
      const narrow: Schema = { columns: [{ name: 'id' }, { name: 'n', type: 'integer' }] };
      const wide: Schema = { columns: [...narrow.columns, { name: 'score', type: 'number' }] };
      const first = await writer.write(
        {
          schema: narrow,
          ...encodeRecords([
            ['007', '9007199254740993'],
            ['', null],
          ]),
        },
        never,
      );
      const second = await writer.write({ schema: wide, ...encodeRecords([[null, '-1', '0.25']]) }, never);
      const reader = createMessageReader({ format: 'avro' }, portsOf());
      const { runs, unreadable } = await reader.read(sent([...first, ...second]), never);
      expect(unreadable).toEqual([]);
      expect(runs.map((run) => [columnNames(run.schema), fieldsOf(run)])).toEqual([
        [
          ['id', 'n'],
          [
            ['007', '9007199254740993'],
            ['', null],
          ],
        ],
        [['id', 'n', 'score'], [[null, '-1', '0.25']]],
      ]);
      const versions = await fetch(`${service.url}/subjects/${subject}/versions`);
      expect(await versions.json()).toEqual([1, 2]);
    },
  );

  test('schemas that refer to others are put together from their subjects', async () => {
    const prefix = randomUUID();
    await register(`${prefix}-point`, { schema: record('Point', [{ name: 'x', type: 'int' }]) });
    const text = record('Place', [
      { name: 'at', type: 'com.example.Point' },
      { name: 'name', type: 'string' },
    ]);
    const references = [{ name: 'com.example.Point', subject: `${prefix}-point`, version: 1 }];
    await register(`${prefix}-place`, { schema: text, references });
    const version = (await (await fetch(`${service.url}/subjects/${prefix}-place/versions/1`)).json()) as {
      id: number;
    };
    const message = Buffer.from([0, 0, 0, 0, 0, 8, 4, 0x68, 0x69]);
    message.writeUInt32BE(version.id, 1);
    const { runs, unreadable } = await createMessageReader({ format: 'avro' }, portsOf()).read(
      messagesOf([message]),
      never,
    );
    expect(unreadable).toEqual([]);
    expect(runs.map((run) => [columnNames(run.schema), fieldsOf(run)])).toEqual([[['at.x', 'name'], [['4', 'hi']]]]);
  });

  test('an ID that nobody registered is unreadable; a registry that fails is not, and works again', async () => {
    const reader = createMessageReader({ format: 'avro' }, portsOf());
    const unknown = messagesOf([Buffer.from([0, 0x7f, 0, 0, 0, 2])]);
    const { unreadable } = await reader.read(unknown, never);
    expect(unreadable.map(({ reason }) => reason)).toEqual([
      'The schema registry has no schema with the ID 2130706432.',
    ]);
    const clock = new ManualClock();
    clock.autoAdvance();
    const registry = new SchemaRegistry({ urls: [service.url], auth: null, retryMs: 1_000, timeoutMs: 5_000 }, clock);
    const waiting = createMessageReader({ format: 'avro' }, { clock, registry });
    service.fail(503);
    await expect(waiting.read(unknown, never)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE', retryable: true });
    service.fail(null);
    expect((await waiting.read(unknown, never)).unreadable.length).toBe(1);
  });
});
