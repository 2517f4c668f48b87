import avro from 'avsc';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LiveRuns } from '../support/live-runs.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { type SchemaRegistry, schemaRegistry } from '../support/services/schema-registry.ts';
import { until } from '../support/until.ts';

const FIRST = {
  name: 'Flight',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'x', type: 'double' },
  ],
} as const;
/** A field has come, one has gone, and one is wider. */
const SECOND = {
  name: 'Flight',
  fields: [
    { name: 'note', type: ['null', 'string'], default: null },
    { name: 'id', type: 'long' },
  ],
} as const;

needs('kafka', 'registry')('a live job over Avro with a schema registry', () => {
  let live: LiveRuns;
  let registry: SchemaRegistry;
  beforeAll(async () => {
    registry = await schemaRegistry();
    live = await LiveRuns.open((await kafkaService()).brokers);
  });
  afterAll(async () => {
    await live[Symbol.asyncDispose]();
    await registry.stop();
  });

  const register = async (subject: string, fields: object): Promise<number> => {
    const reply = await fetch(`${registry.url}/subjects/${subject}/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: JSON.stringify({ type: 'record', ...fields }) }),
    });
    return ((await reply.json()) as { readonly id: number }).id;
  };
  const idBytes = (id: number): Buffer => Buffer.from([0, id >>> 24, id >>> 16, id >>> 8, id]);
  const encoded = (fields: object, row: object): Buffer =>
    avro.Type.forSchema({ type: 'record', ...fields } as avro.Schema).toBuffer(row);
  /** A row by the schema that its first bytes name. */
  const decoded = async (value: Buffer): Promise<Record<string, unknown>> => {
    const reply = await fetch(`${registry.url}/schemas/ids/${value.readUInt32BE(1)}`);
    const { schema } = (await reply.json()) as { readonly schema: string };
    return { ...(avro.Type.forSchema(JSON.parse(schema) as avro.Schema).fromBuffer(value.subarray(5)) as object) };
  };
  const settings = () => ({ format: 'avro', registry: { url: registry.url } });

  test('a schema that changes in the middle of a topic is read by the one it was written with, its ID in value or header', async () => {
    const place = await live.place(1);
    const [first, second] = [await register(place.input, FIRST), await register(`${place.input}-2`, SECOND)];
    const old = [0, 1, 2].map((id) => ({ id, x: id / 4 }));
    const later = [3, 4, 5].map((id) => ({ id, note: id === 4 ? null : `n${id}` }));
    const inValue = [
      ...old.map((row) => Buffer.concat([idBytes(first), encoded(FIRST, row)])),
      ...later.map((row) => Buffer.concat([idBytes(second), encoded(SECOND, row)])),
    ];
    await live.topics.send(
      place.input,
      inValue.map((value) => ({ partition: 0, value })),
    );
    const [inHeader] = [{ partition: 0, value: encoded(SECOND, { id: 6, note: 'h' }), key: 'k' }];
    await live.topics.send(place.input, [{ ...inHeader, headers: { __value_schema_id: idBytes(second), a: 'b' } }]);
    await live.score(place, {
      passthroughColumns: ['id', 'note'],
      intakeSettings: settings(),
      outputSettings: settings(),
    });
    const seen = await live.topics.read(place.output);
    expect(await Promise.all(seen.map(({ value }) => decoded(value!)))).toEqual(
      [null, null, null, 'n3', null, 'n5', 'h'].map((note, id) => ({ y_PREDICTION: 2 * id, id, note })),
    );
    // What said how the old value is to be read does not go along; all else does.
    expect(seen.at(-1)!.headers).toEqual({ a: 'b' });
  });

  test('rows are written with the ID of their schema in a header, if that is wanted', async () => {
    const place = await live.place(1);
    const id = await register(place.input, FIRST);
    const value = Buffer.concat([idBytes(id), encoded(FIRST, { id: 7, x: 1 })]);
    await live.topics.send(place.input, [{ partition: 0, value }]);
    const [from, to] = [`${place.output}-from`, { ...settings(), schemaId: 'header', subject: `${place.output}-rows` }];
    await live.score({ ...place, group: from }, { intakeSettings: settings(), outputSettings: to });
    const subject = await fetch(`${registry.url}/subjects/${to.subject}/versions/latest`);
    const { schema } = (await subject.json()) as { readonly schema: string };
    const [row] = await live.topics.read(place.output);
    expect(Object.keys(row!.headers)).toEqual(['__value_schema_id']);
    const read = avro.Type.forSchema(JSON.parse(schema) as avro.Schema).fromBuffer(row!.value!) as object;
    expect({ ...read }).toEqual({ y_PREDICTION: 14, id: 7 });
  });

  test('while the registry answers 500 the partition waits and says so; then every row is scored once', async () => {
    const place = await live.place(1);
    const id = await register(place.input, FIRST);
    registry.fail(500);
    const run = live.begin(live.job(place, { intakeSettings: settings(), outputSettings: settings() }));
    await live.topics.send(
      place.input,
      Array.from({ length: 50 }, (_, row) => ({
        partition: 0,
        value: Buffer.concat([idBytes(id), encoded(FIRST, { id: row, x: 1 })]),
      })),
    );
    try {
      await until(
        () => run.progress().detail.includes('waits'),
        () => JSON.stringify(run.progress()),
      );
    } finally {
      registry.fail(null);
    }
    await live.drained(place, run);
    expect(run.progress()).toMatchObject({ state: 'running', detail: '' });
    await live.stop(run);
    const seen = await Promise.all((await live.topics.read(place.output)).map(({ value }) => decoded(value!)));
    expect(seen.map((row) => row['id'])).toEqual(Array.from({ length: 50 }, (_, row) => row));
  });
});
