import { gzipSync } from 'node:zlib';
import { createHttpStore } from '../../connectors/http/http-store.ts';
import { defaultCsvSettings } from '../../src/codecs/csv/csv-settings.ts';
import { csvReaders } from '../../src/codecs/formats.ts';
import { createObjectSource } from '../../src/codecs/objects/object-source.ts';
import type { SourceDriver } from '../../src/testing.ts';
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

/** One body behind an address with a signature and a password. */
export async function webIntake(form: WebForm): Promise<SourceDriver> {
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
  const { host } = server;
  return {
    records,
    source: () =>
      createObjectSource({
        store: createHttpStore({ clock: new HurriedClock() }),
        patterns: [`http://user:pass@${host}${path}?signature=abc`],
        readers: csvReaders(defaultCsvSettings),
        compression: form.compression,
      }),
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
  const field = (value: string | null): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
  const text = [['id', 'text', 'x'], ...records].map((record) => `${record.map(field).join(',')}\n`).join('');
  const modified = new Date(Date.UTC(2026, 0, state)).toUTCString();
  return {
    bytes: compression === 'gzip' ? gzipSync(text) : Buffer.from(text),
    ranges,
    ...(validators === 'etag' ? { etag: `"${state}"`, modified } : {}),
    ...(validators === 'weak' ? { etag: `W/"${state}"` } : {}),
    ...(validators === 'modified' ? { modified } : {}),
  };
}
