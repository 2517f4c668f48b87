import { describe, expect, test } from 'vitest';
import { isFromHere, isLoopback } from '../../../src/server/security/local-only.ts';

describe('an address to listen on', () => {
  test.each(['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', 'LOCALHOST'])('%s is of this machine', (host) =>
    expect(isLoopback(host)).toBe(true),
  );
  test.each(['0.0.0.0', '::', '10.0.0.1', '', 'localhost.evil.test', '127.0.0.1.evil.test', '127.0.0'])(
    '%s is not of this machine alone',
    (host) => expect(isLoopback(host)).toBe(false),
  );
});

describe('a request to a server that knows no tokens', () => {
  test.each([
    { host: '127.0.0.1:8080' },
    { host: 'localhost:8080' },
    { host: '[::1]:8080' },
    { host: '127.0.0.1:8080', origin: 'http://127.0.0.1:8080', 'sec-fetch-site': 'same-origin' },
    { host: 'localhost:8080', 'sec-fetch-site': 'none' },
  ])('is taken with %j', (headers) => expect(isFromHere(headers)).toBe(true));

  test.each([
    {},
    { host: '' },
    { host: 'rebound.test:8080' },
    { host: '127.0.0.1.rebound.test:8080' },
    { host: 'localhost@rebound.test' },
    { host: '127.0.0.1:8080', origin: 'https://evil.test' },
    { host: '127.0.0.1:8080', origin: 'null' },
    { host: '127.0.0.1:8080', origin: 'http://127.0.0.1:9000' },
    { host: '127.0.0.1:8080', origin: 'http://localhost:8080' },
    { host: '127.0.0.1:8080', 'sec-fetch-site': 'cross-site' },
    { host: '127.0.0.1:8080', 'sec-fetch-site': 'same-site' },
  ])('is not taken with %j: a web page may have sent it', (headers) => expect(isFromHere(headers)).toBe(false));
});
