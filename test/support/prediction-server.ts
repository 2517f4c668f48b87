import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { parse } from 'csv-parse/sync';

/** A request as the server got it. */
export interface ReceivedRequest {
  /** From 0, counting requests for predictions only. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly columns: readonly string[];
  /** The fields of each row, without the header. */
  readonly rows: readonly (readonly string[])[];
}

/** What the server does with one request, instead of scoring it or after having scored it. */
export interface Behaviour {
  /** Answers only when this has resolved. */
  readonly after?: Promise<void>;
  /** Answers with this status and body; no scoring. */
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Destroys the connection: before any byte of the reply, or after half of it. */
  readonly drop?: 'before' | 'middle';
  /** Changes the records of the reply (CSV lines without header and line end, or JSON texts of rows). */
  readonly edit?: (records: string[]) => string[];
  /** Changes the text of the reply. */
  readonly rewrite?: (text: string) => string;
  readonly modelId?: string;
}

export interface PredictionServerOptions {
  /** Asked for every request for predictions. Nothing: it is scored. */
  readonly respond?: (request: ReceivedRequest) => Behaviour | undefined;
  /** Why a row cannot be scored; null if it can. */
  readonly reject?: (fields: readonly string[]) => string | null;
  /** How rows that cannot be scored are told: a status for the whole request, or for the row alone. Default 422. */
  readonly rejectAs?: 400 | 422 | 500 | 'row';
  /** Whether a 422 names the first bad row in `row`; a number is added to it (1: the server counts from one). */
  readonly namesRow?: number;
  /** A larger body gets 413. */
  readonly maxBytes?: number;
  /** Answer to GET …/info; null: there is no such route. */
  readonly info?: object | null;
  readonly modelId?: string;
  /** The prediction for a row; its first field times 2 by default. */
  readonly predict?: (fields: readonly string[]) => string;
}

/** A prediction server on loopback that does what a test tells it. Regression; the target is `y`. */
export class PredictionServer {
  readonly url: string;
  readonly requests: ReceivedRequest[] = [];
  options: PredictionServerOptions;
  inFlight = 0;
  maxInFlight = 0;
  connections = 0;
  readonly #close: () => Promise<void>;

  private constructor(url: string, options: PredictionServerOptions, close: () => Promise<void>) {
    this.url = url;
    this.options = options;
    this.#close = close;
  }

  static async start(options: PredictionServerOptions = {}, port = 0): Promise<PredictionServer> {
    const sockets = new Set<Socket>();
    const http = createServer((request, response) => {
      void server.#serve(request, response);
    });
    http.on('connection', (socket) => {
      server.connections += 1;
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject);
      http.listen(port, '127.0.0.1', resolve);
    });
    const server = new PredictionServer(
      `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
      options,
      async () => {
        const closed = new Promise<void>((resolve) => {
          http.close(() => resolve());
        });
        for (const socket of sockets) socket.destroy();
        await closed;
      },
    );
    return server;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Closes all connections; the port is free afterwards. */
  close(): Promise<void> {
    return this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of message) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const body = Buffer.concat(chunks);
    const url = new URL(message.url ?? '/', this.url);
    if (message.method === 'GET') {
      this.#describe(response);
      return;
    }
    const records = parse(body, { relax_column_count: true });
    const request: ReceivedRequest = {
      number: this.requests.length,
      method: message.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: message.headers,
      body,
      columns: records[0] ?? [],
      rows: records.slice(1),
    };
    this.requests.push(request);
    this.inFlight += 1;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    const behaviour = this.options.respond?.(request) ?? {};
    await behaviour.after;
    // A caller may send its next request as soon as it has the reply, before this one is seen to be over.
    this.inFlight -= 1;
    this.#answer(request, behaviour, message.socket, response);
  }

  #describe(response: ServerResponse): void {
    const { info } = this.options;
    const known = info !== undefined && info !== null;
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(known ? info : { message: 'Not Found' }));
  }

  #answer(request: ReceivedRequest, behaviour: Behaviour, socket: Socket, response: ServerResponse): void {
    const { maxBytes } = this.options;
    if (behaviour.drop === 'before') {
      socket.destroy();
      return;
    }
    const send = (status: number, type: string, text: string): void => {
      const reply = Buffer.from(behaviour.rewrite?.(text) ?? text);
      const model = behaviour.modelId ?? this.options.modelId;
      response.writeHead(status, {
        'content-type': type,
        'content-length': reply.length,
        ...(model === undefined ? {} : { 'x-datarobot-model-id': model }),
        ...behaviour.headers,
      });
      if (behaviour.drop === 'middle') {
        response.write(reply.subarray(0, reply.length >> 1), () => socket.destroy());
        return;
      }
      response.end(reply);
    };
    const json = 'application/json';
    if (behaviour.status !== undefined) {
      send(behaviour.status, json, behaviour.body ?? JSON.stringify({ message: `told to answer ${behaviour.status}` }));
      return;
    }
    if (maxBytes !== undefined && request.body.length > maxBytes) {
      send(413, json, JSON.stringify({ message: 'body too large' }));
      return;
    }
    const refused = this.#refusal(request);
    if (refused !== null) {
      send(refused.status, json, refused.text);
      return;
    }
    if (request.headers.accept === json) send(200, json, this.#jsonReply(request, behaviour));
    else send(200, 'text/csv', this.#csvReply(request, behaviour));
  }

  #refusal(request: ReceivedRequest): { readonly status: number; readonly text: string } | null {
    const { reject, rejectAs = 422, namesRow } = this.options;
    if (reject === undefined || rejectAs === 'row') return null;
    const row = request.rows.findIndex((fields) => reject(fields) !== null);
    if (row === -1) return null;
    const message = reject(request.rows[row]!);
    return {
      status: rejectAs,
      text: JSON.stringify(namesRow === undefined ? { message } : { message, row: row + namesRow }),
    };
  }

  #csvReply(request: ReceivedRequest, behaviour: Behaviour): string {
    const passed = request.query.getAll('passthroughColumns').map((name) => request.columns.indexOf(name));
    const reasons = request.rows.map((fields) => this.options.reject?.(fields) ?? null);
    const withStatus = reasons.some((reason) => reason !== null);
    const names = [
      'y_PREDICTION',
      ...(withStatus ? ['prediction_status'] : []),
      ...passed.map((at) => request.columns[at]!),
    ];
    const records = request.rows.map((fields, row) =>
      [
        reasons[row] === null ? this.#prediction(fields) : '',
        ...(withStatus ? [reasons[row] ?? 'OK'] : []),
        ...passed.map((at) => fields[at]!),
      ].join(','),
    );
    return [names.join(','), ...(behaviour.edit?.(records) ?? records), ''].join('\n');
  }

  #jsonReply(request: ReceivedRequest, behaviour: Behaviour): string {
    const records = request.rows.map((fields, rowId) => {
      const reason = this.options.reject?.(fields) ?? null;
      if (reason !== null) return JSON.stringify({ rowId, predictionStatus: reason });
      const prediction = Number(this.#prediction(fields));
      return JSON.stringify({ rowId, prediction, predictionValues: [{ label: 'y', value: prediction }] });
    });
    return `{"data":[${(behaviour.edit?.(records) ?? records).join(',')}]}`;
  }

  #prediction(fields: readonly string[]): string {
    return this.options.predict?.(fields) ?? String(Number(fields[0]) * 2);
  }
}
