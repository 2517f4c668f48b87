import { Agent, type IncomingMessage, request as overHttp } from 'node:http';
import { request as overHttps, Agent as TlsAgent } from 'node:https';
import {
  type Clock,
  type ConnectionGuard,
  type GuardedLookup,
  retryAfterMs,
  SluiceError,
  targetOf,
} from '../../src/sdk.ts';
import { type HttpAddress, httpName } from './http-address.ts';
import { brokenOff, isPassing, networkFault } from './http-fault.ts';
import type { HttpSettings } from './http-settings.ts';
import { inTime } from './in-time.ts';
import { Patience } from './patience.ts';
import { redirectTarget } from './redirect.ts';
import { sendBody, type UploadBody } from './upload-body.ts';

export interface HttpRequest {
  readonly method: string;
  /** Beside those of the settings; names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: UploadBody;
}

/** A reply whose body is not read yet: whoever has it reads it to its end or destroys it. */
export type HttpReply = IncomingMessage & { readonly statusCode: number };

const MOST_REDIRECTS = 5;
/** A server is asked whether it takes a body that is larger than this before it is sent; less is sent as soon as said. */
const ASK_FIRST_BYTES = 1024 * 1024;

/** Requests to one server. Connections are kept and used again; redirects are followed to hosts that are allowed, and no others. */
export class HttpConnection implements AsyncDisposable {
  readonly settings: HttpSettings;
  readonly clock: Clock;
  readonly #agents: { readonly 'http:': Agent; readonly 'https:': TlsAgent };
  #hasAnswered = false;

  constructor(settings: HttpSettings, clock: Clock) {
    this.settings = settings;
    this.clock = clock;
    const pool = { keepAlive: true, maxSockets: 16 };
    const trust = settings.ca === null ? {} : { ca: settings.ca };
    this.#agents = { 'http:': new Agent(pool), 'https:': new TlsAgent({ ...pool, ...trust }) };
  }

  /** For one piece of work, of one request or several. */
  patience(): Patience {
    return new Patience(this.settings, this.clock, () => this.#hasAnswered);
  }

  /** Does a request, again and again while it fails in a way that may pass and the patience lasts. Any other reply is given as it is. */
  async send(address: HttpAddress, request: HttpRequest, patience: Patience, signal: AbortSignal): Promise<HttpReply> {
    for (;;) {
      try {
        return await this.exchange(address, request, signal);
      } catch (error) {
        await patience.outlast(error, signal);
      }
    }
  }

  /**
   * Does a request once. Throws STORE_UNREACHABLE, with what the server asks to wait, when it cannot be reached or says that it cannot;
   * CONFIG_INVALID for certificates that are not trusted and redirects that are not allowed; on abort the signal's reason.
   */
  async exchange(address: HttpAddress, request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    let { method, body } = request;
    let { url } = address;
    for (let hops = 0; ; hops += 1) {
      const isOwn = url.origin === address.url.origin;
      const headers = { ...(isOwn ? this.#ownHeaders(address) : {}), ...request.headers };
      const reply = await this.#hop(url, { method, headers, ...(body === undefined ? {} : { body }) }, signal);
      this.#hasAnswered = true;
      const status = reply.statusCode;
      if (status >= 300 && status < 400 && status !== 304) {
        reply.destroy();
        if (hops === MOST_REDIRECTS)
          throw new SluiceError('CONFIG_INVALID', `${address.name} redirects more than ${MOST_REDIRECTS} times.`);
        const next = redirectTarget(
          url,
          { status, location: reply.headers.location, method },
          this.settings.allowedHosts,
        );
        url = next.url;
        if (next.method !== method) body = undefined;
        method = next.method;
        continue;
      }
      if (!isPassing(status)) return reply;
      const waitMs = retryAfterMs(reply.headers['retry-after'], this.clock);
      reply.destroy();
      throw new SluiceError(
        'STORE_UNREACHABLE',
        `${httpName(url)} is not able to answer for now (${status}). Run the same job again to continue.`,
        { status, ...(waitMs === undefined ? {} : { waitMs }) },
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agents['http:'].destroy();
    this.#agents['https:'].destroy();
  }

  #ownHeaders({ authorization }: HttpAddress): Record<string, string> {
    const { headers, token } = this.settings;
    const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    if (given['authorization'] !== undefined) return given;
    if (token !== null) return { ...given, authorization: `Bearer ${token}` };
    return authorization === null ? given : { ...given, authorization };
  }

  async #hop(url: URL, { method, headers = {}, body }: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    signal.throwIfAborted();
    const name = { name: httpName(url) };
    const asksFirst = body !== undefined && (body.bytes === null || body.bytes > ASK_FIRST_BYTES);
    const ofBody: Record<string, string> = asksFirst ? { expect: '100-continue' } : {};
    if (body !== undefined && body.bytes !== null) ofBody['content-length'] = String(body.bytes);
    const options = {
      method,
      headers: { 'accept-encoding': 'identity', ...headers, ...ofBody },
      ...guarded(url, this.settings.guard),
    };
    const sent =
      url.protocol === 'https:'
        ? overHttps(url, { ...options, agent: this.#agents['https:'] })
        : overHttp(url, { ...options, agent: this.#agents['http:'] });
    const { promise: answered, resolve, reject } = Promise.withResolvers<HttpReply>();
    sent.on('response', (reply) => resolve(reply as HttpReply));
    sent.on('error', reject);
    answered.catch(() => undefined);
    const stop = (): void => void sent.destroy(new Error('aborted'));
    signal.addEventListener('abort', stop, { once: true });
    const { clock, settings } = this;
    try {
      let isSent = true;
      if (body === undefined) sent.end();
      else
        isSent = await sendBody(
          sent,
          body,
          { clock, silenceMs: settings.silenceMs, answered, asksFirst, ...name },
          signal,
        );
      const patienceMs = body === undefined ? settings.silenceMs : settings.answerMs;
      const reply = await inTime(answered, patienceMs, clock, signal);
      if (reply !== 'late') {
        if (!isSent && reply.statusCode < 300) throw brokenOff('answered before all of the body was sent', name);
        // A body that breaks off says so where it is read; an error that nobody listens for would end the process.
        reply.on('error', () => undefined);
        sent.on('error', () => undefined);
        return reply;
      }
      throw brokenOff(`did not answer within ${patienceMs / 1000} s`, name);
    } catch (error) {
      sent.destroy();
      signal.throwIfAborted();
      throw networkFault(error, name);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}

/** What makes a connection keep to what the guard allows. */
function guarded(url: URL, guard: ConnectionGuard | null): { readonly lookup?: GuardedLookup } {
  if (guard === null) return {};
  const { host, port } = targetOf(url);
  return { lookup: guard(host, port) };
}
