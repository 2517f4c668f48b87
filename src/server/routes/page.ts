import type { FastifyInstance } from 'fastify';
import { pageFiles } from '../page-files.ts';

/** Nothing but what this server sends: no script or style in the page itself, no other place to load from or to send to. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The live page at `/`, and what it is made of. They hold nothing of anybody's: what the page shows it asks the API for. */
export function addPage(app: FastifyInstance): void {
  const headers = {
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-cache',
  };
  for (const file of pageFiles())
    app.get(file.path, async (request, reply) => {
      const { bytes, etag } = file.content();
      reply.headers({ ...headers, etag }).type(file.type);
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.send(bytes);
    });
}
