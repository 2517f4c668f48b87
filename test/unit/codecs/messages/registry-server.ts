import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a registry says to a request; undefined: 404. */
export type Answer = { readonly status?: number; readonly body: unknown } | undefined;

/** A small HTTP server that speaks as a schema registry does. */
export interface RegistryServer extends AsyncDisposable {
  readonly url: string;
  /** Method and path of every request, in order. */
  readonly requests: readonly string[];
  /** The `authorization` of the last request. */
  authorization: string | undefined;
}

/** @param answer given the method, the path and the body of a request. */
export async function registryServer(
  answer: (method: string, path: string, body: string) => Answer | Promise<Answer>,
): Promise<RegistryServer> {
  const requests: string[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const [method = '', path = ''] = [request.method, request.url];
    requests.push(`${method} ${path}`);
    service.authorization = request.headers.authorization;
    const reply = (await answer(method, path, Buffer.concat(parts).toString())) ?? {
      status: 404,
      body: { error_code: 40_403, message: 'Schema not found' },
    };
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
  };
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const service: RegistryServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    authorization: undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return service;
}

/** A registry of these schemas (by ID) that registers more from 100 on. */
export async function schemasServer(schemas: ReadonlyMap<number, unknown>): Promise<RegistryServer> {
  const registered: string[] = [];
  return registryServer((method, path, body) => {
    if (method === 'POST') {
      const { schema } = JSON.parse(body) as { readonly schema: string };
      if (!registered.includes(schema)) registered.push(schema);
      return { body: { id: 100 + registered.indexOf(schema), guid: '89791762-2336-4186-9674-299b90a802e2' } };
    }
    if (path === '/schemas/guids/89791762-2336-4186-9674-299b90a802e2') return { body: { schema: registered[0] } };
    const id = Number(/^\/schemas\/ids\/(\d+)$/.exec(path)?.[1]);
    const schema = id >= 100 ? registered[id - 100] : schemas.get(id);
    return schema === undefined
      ? undefined
      : { body: { schema: typeof schema === 'string' ? schema : JSON.stringify(schema) } };
  });
}
