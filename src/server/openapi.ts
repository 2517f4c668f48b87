import { fieldSchema } from '../jobs/description/field-schema.ts';
import type { ApiRoute } from './api-route.ts';

/** The document that describes the API, of the schemas that it is checked by. */
export function openApiDocument(routes: readonly ApiRoute[], base: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    if (route.isPrivate === true) continue;
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version: '2.49.0',
      description: 'Batch scoring of rows on prediction servers, by the interface of DataRobot.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: base }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Error: {
          type: 'object',
          required: ['message'],
          properties: {
            message: { type: 'string' },
            errors: {
              type: 'object',
              additionalProperties: { type: 'string' },
              description: 'What is wrong, by field.',
            },
          },
        },
      },
    },
  };
}

/** A form with a file. */
const FORM = {
  type: 'object',
  required: ['file'],
  properties: { file: { type: 'string', format: 'binary', description: 'CSV: a header and rows, by commas, UTF-8.' } },
};

function operation(route: ApiRoute): object {
  const names = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  const path = names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const query = route.query === undefined ? {} : (fieldSchema(route.query).properties ?? {});
  const parameters = [
    ...path,
    ...Object.entries(query).map(([name, schema]) => ({ name, in: 'query', required: false, schema })),
  ];
  const content =
    route.body !== undefined
      ? { 'application/json': { schema: fieldSchema(route.body) } }
      : route.takes === undefined
        ? null
        : { [route.takes]: { schema: route.takes === 'text/csv' ? { type: 'string' } : FORM } };
  const responses = Object.entries({
    ...(route.body === undefined && route.query === undefined ? {} : { 422: 'A field is wrong.' }),
    ...(route.body === undefined ? {} : { 400: 'The body is not JSON.', 413: 'The body is too large.' }),
    401: 'No valid token.',
    403: 'The token gives no right to it.',
    ...route.replies,
  });
  return {
    operationId: `${route.method.toLowerCase()}${route.path.replaceAll(/[/:]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(content === null ? {} : { requestBody: { required: true, content } }),
    responses: Object.fromEntries(
      responses.map(([status, description]) => [status, response(Number(status), description)]),
    ),
  };
}

function response(status: number, description: string): object {
  if (status < 400) return { description };
  return { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } };
}
