import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { HttpSettings } from '../../connectors/http/http-settings.ts';
import { createHttpStore } from '../../connectors/http/http-store.ts';
import { defaultCsvSettings } from '../../src/codecs/csv/csv-settings.ts';
import { csvReaders } from '../../src/codecs/formats.ts';
import { createObjectSource } from '../../src/codecs/objects/object-source.ts';
import type { Source } from '../../src/core/source.ts';
import type { DifficultIntake, KillableSourceDriver, SecretSourceDriver, WideIntake } from '../../src/testing.ts';
import { CountedSockets } from '../support/counted-sockets.ts';
import { HurriedClock } from '../support/hurried-clock.ts';
import { type WebBody, WebServer } from '../support/web-server.ts';

/** How a server gives a body. */
export interface WebForm {
  readonly ranges: boolean;
  readonly validators: 'etag' | 'weak' | 'modified' | 'none';
  readonly compression: 'none' | 'gzip';
  /** How many of the bytes come before the connection breaks, each time; null: it holds. */
  readonly breakAfter: number | null;
}

const READER = join(import.meta.dirname, 'http-reader-child.ts');

/** The source of what stands at an address. */
export function webSource(
  url: string,
  compression: WebForm['compression'],
  settings: Partial<HttpSettings> = {},
): Source {
  return createObjectSource({
    store: createHttpStore({ settings, clock: new HurriedClock() }),
    patterns: [url],
    readers: csvReaders(defaultCsvSettings),
    compression,
  });
}

/** A body of the given rows. */
export async function difficultBody(rows: Rows): Promise<DifficultIntake> {
  const server = await WebServer.start();
  server.bodies.set('/difficult.csv', {
    bytes: Buffer.from(csvText(['id', 'value'], rows)),
    etag: '"1"',
    ranges: true,
  });
  return { source: () => webSource(`${server.url}/difficult.csv`, 'none'), close: () => server.close() };
}

/** A body of 16 MB, of which stands in the sockets and their buffers what fits there. */
export async function wideBody(): Promise<WideIntake> {
  const server = await WebServer.start();
  const rows = 2_000;
  const text = csvText(
    ['id', 'text'],
    Array.from({ length: rows }, (_, id) => [String(id), 'x'.repeat(8_000)]),
  );
  server.bodies.set('/wide.csv', { bytes: Buffer.from(text), etag: '"1"', ranges: true });
  const sockets = CountedSockets.start(Number(new URL(server.url).port));
  return {
    source: () => webSource(`${server.url}/wide.csv`, 'none'),
    rows,
    bytes: text.length,
    taken: () => sockets.bytes,
    ahead: 2_000_000,
    close: async () => {
      sockets.stop();
      await server.close();
    },
  };
}

/** One body behind an address with a signature and a password. */
export async function webIntake(form: WebForm): Promise<KillableSourceDriver & SecretSourceDriver> {
  const server = await WebServer.start();
  const path = form.compression === 'gzip' ? '/in/rows.csv.gz' : '/in/rows.csv';
  let state = 0;
  const put = (records: Rows): void => {
    state += 1;
    server.bodies.set(path, bodyOf(records, form, state));
  };
  const records = rows(0, 31);
  put(records);
  if (form.breakAfter !== null) {
    const breakAfter = form.breakAfter;
    // A reply from the start goes a little further each time; a range goes so far again.
    server.fault = ({ number, headers }) =>
      headers.range === 'bytes=0-0'
        ? null
        : { breakAfter: form.ranges ? breakAfter : breakAfter * (1 + (number % 40)) };
  }
  const url = `http://user:the-password@${server.host}${path}?signature=the-signature`;
  return {
    records,
    source: () => webSource(url, form.compression),
    reader: { module: READER, args: [url, form.compression] },
    secrets: ['the-password', 'the-signature', Buffer.from('user:the-password').toString('base64')],
    change: async () => put(rows(0, 30)),
    close: () => server.close(),
  };
}

type Rows = readonly (readonly (string | null)[])[];

const TEXTS = ['plain', 'with "quotes"', 'a, b; c', 'two\nlines', 'naïve café', ' spaced ', '', null] as const;

function rows(from: number, to: number): (string | null)[][] {
  return Array.from({ length: to - from }, (_, i) => [
    String(from + i),
    TEXTS[(from + i) % TEXTS.length] ?? null,
    `${(from + i) / 4}`,
  ]);
}

function bodyOf(records: Rows, { compression, validators, ranges }: WebForm, state: number): WebBody {
  const text = csvText(['id', 'text', 'x'], records);
  const modified = new Date(Date.UTC(2026, 0, state)).toUTCString();
  return {
    bytes: compression === 'gzip' ? gzipSync(text) : Buffer.from(text),
    ranges,
    ...(validators === 'etag' ? { etag: `"${state}"`, modified } : {}),
    ...(validators === 'weak' ? { etag: `W/"${state}"` } : {}),
    ...(validators === 'modified' ? { modified } : {}),
  };
}

function csvText(names: readonly string[], records: Rows): string {
  const field = (value: string | null): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
  return [names, ...records].map((record) => `${record.map(field).join(',')}\n`).join('');
}
