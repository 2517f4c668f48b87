import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { systemClock } from '../../src/core/clock.ts';
import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';

const SERVICE_MS = 100;
/** Of the service time, exponentially distributed. */
const JITTER = 0.5;
const ROWS = 100;

export interface PoolSettings {
  /** Workers, as of a share of the run. */
  readonly workers: (share: number) => number;
  /** What is answered where twice as many requests as workers are there already; null: they wait. */
  readonly refusal: { readonly status: number; readonly headers?: Readonly<Record<string, string>> } | null;
}

/** A prediction server with workers and a line in front of them. */
export class PoolServer {
  answered = 0;
  refused = 0;
  readonly #settings: PoolSettings;
  readonly #lengthMs: number;
  readonly #start = systemClock.now();
  readonly #line: (() => void)[] = [];
  #http: Server | null = null;
  #port = 0;
  #busy = 0;
  #inside = 0;
  #busyMs = 0;
  #workerMs = 0;
  #seen = this.#start;

  /** @param lengthMs of a run: what the shares are of. */
  constructor(settings: PoolSettings, lengthMs: number) {
    this.#settings = settings;
    this.#lengthMs = lengthMs;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Of the workers' time while the server was up. */
  get utilisation(): number {
    this.#look();
    return this.#busyMs / this.#workerMs;
  }

  async open(): Promise<void> {
    this.#look();
    this.#http = createServer((request, response) => {
      let lines = 0;
      request.on('data', (chunk: Buffer) => {
        for (const byte of chunk) if (byte === 10) lines += 1;
      });
      request.on('end', () => {
        if (request.method === 'POST') this.#serve(lines - 1, response);
        else response.writeHead(404).end();
      });
    });
    await new Promise<void>((resolve) => this.#http!.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#look();
    const http = this.#http!;
    this.#http = null;
    this.#line.length = 0;
    this.#busy = 0;
    this.#inside = 0;
    const closed = new Promise<void>((resolve) => http.close(() => resolve()));
    http.closeAllConnections();
    await closed;
  }

  /** Gives work to those who have none. */
  work(): void {
    this.#look();
    while (this.#busy < this.#workers && this.#line.length > 0) {
      this.#busy += 1;
      this.#line.shift()!();
    }
  }

  get #workers(): number {
    return this.#settings.workers((this.#seen - this.#start) / this.#lengthMs);
  }

  #serve(rows: number, response: ServerResponse): void {
    const { refusal } = this.#settings;
    this.#look();
    if (refusal !== null && this.#inside >= 2 * this.#workers) {
      this.refused += 1;
      response.writeHead(refusal.status, { 'content-type': 'application/json', ...refusal.headers });
      response.end('{"message":"busy"}');
      return;
    }
    const life = this.#http;
    this.#inside += 1;
    this.#line.push(() => {
      setTimeout(
        () => {
          if (life !== this.#http) return;
          this.#look();
          this.#busy -= 1;
          this.#inside -= 1;
          this.answered += 1;
          response.writeHead(200, { 'content-type': 'text/csv' });
          response.end(`y_PREDICTION\n${'0.5\n'.repeat(rows)}`);
          this.work();
        },
        SERVICE_MS * (1 - JITTER * Math.log(1 - Math.random())),
      );
    });
    this.work();
  }

  #look(): void {
    const now = systemClock.now();
    if (this.#http !== null) {
      const workers = this.#workers;
      this.#busyMs += Math.min(this.#busy, workers) * (now - this.#seen);
      this.#workerMs += workers * (now - this.#seen);
    }
    this.#seen = now;
  }
}

/** What one request sends. */
export function batchOfBench(): RowBatch {
  const { bytes, ends } = encodeRecords(Array.from({ length: ROWS }, (_, i) => [i]));
  const origin = { split: 'rows', firstRow: 0, after: null, position: ROWS, rejected: [] };
  return RowBatch.fromCsv(schemaOf(['x']), origin, bytes, ends);
}
