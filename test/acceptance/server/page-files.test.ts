import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../../support/api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi({ deployments: { d: 'http://127.0.0.1:1' } });
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

async function get(path: string): Promise<{ readonly reply: Response; readonly text: string }> {
  const reply = await api.request(`${api.server.url}${path}`);
  return { reply, text: await reply.text() };
}

test('the page has no script and no style in itself, and its policy allows none', async () => {
  const { reply, text } = await get('/');
  expect(reply.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const policy = reply.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toMatch(/unsafe|data:|https?:|\*/);
  expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
  expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|<script[^>]*>[^<]/i);
});

test('all that the page loads comes from its own server, as what it is, with nothing left out', async () => {
  const seen = new Set<string>();
  const waiting = [...(await get('/')).text.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)].map(([, path]) => path!);
  while (waiting.length > 0) {
    const path = waiting.pop()!;
    if (seen.has(path)) continue;
    seen.add(path);
    const { reply, text } = await get(path);
    expect(reply.status, path).toBe(200);
    const type = reply.headers.get('content-type') ?? '';
    if (!path.endsWith('.js')) {
      expect(type, path).toMatch(path.endsWith('.css') ? /^text\/css/ : /^image\/svg\+xml/);
      continue;
    }
    expect(type, path).toMatch(/^text\/javascript/);
    for (const [, name] of text.matchAll(/^import [^'"]*['"]([^'"]+)['"]/gm)) {
      expect(name, `${path} imports ${name}`).toMatch(/^\.\/[\w-]+\.js$/);
      waiting.push(`/page/${name!.slice(2)}`);
    }
  }
  expect([...seen]).toContain('/page/uplot.js');
  expect(seen.size).toBeGreaterThan(20);
});

test('a file that has not changed is not sent again', async () => {
  const { reply } = await get('/page/main.js');
  const again = await api.request(`${api.server.url}/page/main.js`, {
    headers: { 'if-none-match': reply.headers.get('etag') ?? '' },
  });
  expect([again.status, await again.text()]).toEqual([304, '']);
});

test('there is nothing else in the folder of the page to be had', async () => {
  for (const path of ['/page/', '/page/tsconfig.json', '/page/main.ts', '/page/..%2fapp.ts', '/page/%2e%2e/app.js'])
    expect((await get(path)).reply.status, path).toBe(404);
});
