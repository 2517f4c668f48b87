import { describe, expect, test } from 'vitest';
import type { RegistrySettings } from '../../../../src/codecs/messages/registry/registry-settings.ts';
import { SchemaRegistry } from '../../../../src/codecs/messages/registry/schema-registry.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { never } from './messages.ts';
import { type Answer, registryServer } from './registry-server.ts';

const settings = (url: string): RegistrySettings => ({ urls: [url], auth: null, retryMs: 10_000, timeoutMs: 5_000 });

describe('the schema registry', () => {
  test('is asked once for an ID, however many ask at once, and never again', async () => {
    await using server = await registryServer(() => ({ body: { schema: '"string"' } }));
    const registry = new SchemaRegistry(settings(server.url), systemClock);
    const found = await Promise.all(Array.from({ length: 20 }, () => registry.schema(7, never)));
    expect(await registry.schema(7, never)).toBe(found[0]);
    expect(found[0]).toEqual({ type: 'AVRO', text: '"string"', references: [] });
    expect(server.requests).toEqual(['GET /schemas/ids/7']);
  });

  test('one who gives up does not spoil it for the others', async () => {
    const { promise: open, resolve } = Promise.withResolvers<void>();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    await using server = await registryServer(async (): Promise<Answer> => {
      ask();
      await open;
      return { body: { schema: '"string"' } };
    });
    const registry = new SchemaRegistry(settings(server.url), systemClock);
    const controller = new AbortController();
    const impatient = registry.schema(7, controller.signal);
    const patient = registry.schema(7, never);
    await asked;
    controller.abort(new Error('enough'));
    await expect(impatient).rejects.toThrow('enough');
    resolve();
    expect(await patient).toMatchObject({ text: '"string"' });
    expect(server.requests.length).toBe(1);
  });

  test('gives references of references, each before what refers to it, and each once', async () => {
    const replies: Record<string, unknown> = {
      '/schemas/ids/1': {
        schema: 'A',
        references: [
          { name: 'b', subject: 's/b', version: 2 },
          { name: 'c', subject: 'c', version: 1 },
        ],
      },
      '/subjects/s%2Fb/versions/2': { schema: 'B', references: [{ name: 'c', subject: 'c', version: 1 }] },
      '/subjects/c/versions/1': { schema: 'C' },
    };
    await using server = await registryServer((_method, path) => ({ body: replies[path] }));
    const registry = new SchemaRegistry(settings(server.url), systemClock);
    expect(await registry.schema(1, never)).toEqual({ type: 'AVRO', text: 'A', references: ['C', 'B'] });
    expect(server.requests.length).toBe(3);
  });

  test('is tried again after 500, 429 and nonsense, until it answers', async () => {
    const answers: Answer[] = [
      { status: 500, body: '' },
      { status: 429, body: '' },
      { body: '<html>' },
      { body: { schema: '"int"' } },
    ];
    await using server = await registryServer(() => answers.shift());
    const clock = new ManualClock();
    clock.autoAdvance();
    const registry = new SchemaRegistry(settings(server.url), clock);
    expect(await registry.schema(1, never)).toMatchObject({ text: '"int"' });
    expect(clock.slept).toEqual([75, 150, 300]);
  });

  test('that stays away is REGISTRY_UNREACHABLE when the budget is spent, and is asked anew the next time', async () => {
    let up = false;
    await using server = await registryServer(() => (up ? { body: { schema: '"int"' } } : { status: 503, body: '' }));
    const clock = new ManualClock();
    clock.autoAdvance();
    const registry = new SchemaRegistry(settings(server.url), clock);
    await expect(registry.schema(1, never)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE', retryable: true });
    expect(clock.now()).toBeLessThanOrEqual(10_000);
    up = true;
    expect(await registry.schema(1, never)).toMatchObject({ text: '"int"' });
  });

  test('with several addresses: another one answers for one that is gone', async () => {
    await using server = await registryServer(() => ({ body: { schema: '"int"' } }));
    await using gone = await registryServer(() => undefined);
    const { url } = gone;
    await gone[Symbol.asyncDispose]();
    const clock = new ManualClock();
    clock.autoAdvance();
    const registry = new SchemaRegistry({ ...settings(server.url), urls: [url, server.url] }, clock);
    expect(await registry.schema(1, never)).toMatchObject({ text: '"int"' });
  });

  test('an ID that it does not have is missing, and may be there later', async () => {
    let there = false;
    await using server = await registryServer(() => (there ? { body: { schema: '"int"' } } : undefined));
    const registry = new SchemaRegistry(settings(server.url), systemClock);
    expect(await registry.schema(9, never)).toEqual({ missing: 'The schema registry has no schema with the ID 9.' });
    there = true;
    expect(await registry.schema(9, never)).toMatchObject({ text: '"int"' });
  });

  test('registers a schema once; a refusal says what the registry says, and no secret', async () => {
    let allowed = true;
    await using server = await registryServer(() =>
      allowed ? { body: { id: 5 } } : { status: 409, body: { message: 'Schema being registered is incompatible' } },
    );
    const auth = { kind: 'basic', username: 'me', password: () => 'geheim' } as const;
    const registry = new SchemaRegistry({ ...settings(server.url), auth }, systemClock);
    expect(await registry.register('t-value', '"int"', never)).toEqual({ id: 5, guid: null });
    expect(await registry.register('t-value', '"int"', never)).toEqual({ id: 5, guid: null });
    expect(server.requests).toEqual(['POST /subjects/t-value/versions']);
    expect(server.authorization).toBe(`Basic ${Buffer.from('me:geheim').toString('base64')}`);
    allowed = false;
    const refused: unknown = await registry.register('t-value', '"long"', never).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'MESSAGE_SCHEMA' });
    expect(String(refused)).toMatch(/incompatible/);
    expect(`${String(refused)}${JSON.stringify(registry)}`).not.toMatch(/geheim/);
  });

  test('an address with a password in it is refused, without naming it', () => {
    const make = (): SchemaRegistry => new SchemaRegistry(settings('http://me:geheim@registry'), systemClock);
    expect(make).toThrow(/holds a user or password/);
    expect(make).not.toThrow(/geheim/);
  });

  test('a bearer token is asked for each request', async () => {
    await using server = await registryServer(() => ({ body: { schema: '"int"' } }));
    let turn = 0;
    const auth = { kind: 'bearer', token: async () => `t${(turn += 1)}` } as const;
    const registry = new SchemaRegistry({ ...settings(server.url), auth }, systemClock);
    await registry.schema(1, never);
    await registry.schema(2, never);
    expect(server.authorization).toBe('Bearer t2');
  });
});
