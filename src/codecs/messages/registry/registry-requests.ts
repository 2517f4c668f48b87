import type { Clock } from '../../../core/clock.ts';
import { messageOf, SluiceError } from '../../../core/error.ts';
import type { RegistryAuth, RegistrySettings } from './registry-settings.ts';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
/** How much of a registry's own words is repeated. */
const MOST_WORDS = 300;
const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';

type Outcome =
  | { readonly kind: 'reply'; readonly reply: unknown }
  | { readonly kind: 'missing' }
  /** Worth another try. */
  | { readonly kind: 'failed'; readonly reason: string; readonly cause?: unknown };

/**
 * Requests to a schema registry with Confluent's interface. What may pass (no connection, a time-out, 408, 429, 5xx, a reply that is no
 * JSON) is tried again at each address in turn, with growing waits, until the budget of time is spent.
 */
export class RegistryRequests {
  readonly #settings: RegistrySettings;
  readonly #urls: readonly string[];
  readonly #clock: Clock;
  #turn = 0;

  /** Throws CONFIG_INVALID. */
  constructor(settings: RegistrySettings, clock: Clock) {
    this.#settings = settings;
    this.#urls = settings.urls.map(baseUrl);
    if (this.#urls.length === 0) throw new SluiceError('CONFIG_INVALID', 'The schema registry has no address.');
    this.#clock = clock;
  }

  /**
   * The reply to a request; null when the registry says that there is no such thing (404).
   * Rejects with REGISTRY_UNREACHABLE, with MESSAGE_SCHEMA when the registry refuses the request, or with the signal's reason.
   * @param path segments, not yet encoded.
   * @param body null for a GET; else what is posted.
   */
  async send(path: readonly string[], body: object | null, signal: AbortSignal): Promise<unknown> {
    const { retryMs } = this.#settings;
    const deadline = this.#clock.now() + retryMs;
    const suffix = path.map(encodeURIComponent).join('/');
    for (let tries = 1; ; tries += 1) {
      signal.throwIfAborted();
      const url = `${this.#urls[this.#turn % this.#urls.length]}/${suffix}`;
      const outcome = await this.#once(url, body, signal);
      if (outcome.kind === 'reply') return outcome.reply;
      if (outcome.kind === 'missing') return null;
      this.#turn += 1;
      const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1)) * (0.5 + this.#clock.random() / 2);
      if (this.#clock.now() + wait > deadline) {
        throw new SluiceError(
          'REGISTRY_UNREACHABLE',
          `The schema registry did not answer ${url} (${outcome.reason}) in ${tries} ${tries === 1 ? 'try' : 'tries'}. ` +
            'Start it, or correct its address.',
          { cause: outcome.cause },
        );
      }
      await this.#clock.sleep(wait, signal);
    }
  }

  async #once(url: string, body: object | null, signal: AbortSignal): Promise<Outcome> {
    const authorization = await authorizationOf(this.#settings.auth);
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        method: body === null ? 'GET' : 'POST',
        headers: {
          accept: `${CONTENT_TYPE}, application/json`,
          ...(body === null ? {} : { 'content-type': CONTENT_TYPE }),
          ...(authorization === null ? {} : { authorization }),
        },
        body: body === null ? null : JSON.stringify(body),
        signal: AbortSignal.any([signal, AbortSignal.timeout(this.#settings.timeoutMs)]),
      });
      text = await response.text();
    } catch (error) {
      signal.throwIfAborted();
      // fetch says no more than that it failed; its cause knows why.
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      return { kind: 'failed', reason: messageOf(cause) || 'no connection', cause: error };
    }
    const { status } = response;
    if (status === 404) return { kind: 'missing' };
    if (status === 408 || status === 429 || status >= 500) return { kind: 'failed', reason: `status ${status}` };
    if (!response.ok) throw refusal(url, status, text);
    try {
      return { kind: 'reply', reply: JSON.parse(text) };
    } catch (error) {
      return { kind: 'failed', reason: 'the reply is not JSON', cause: error };
    }
  }
}

function refusal(url: string, status: number, text: string): SluiceError {
  if (status === 401 || status === 403) {
    return new SluiceError(
      'MESSAGE_SCHEMA',
      `The schema registry refuses access to ${url} (status ${status}). Correct its user and password, or its token.`,
      { status },
    );
  }
  return new SluiceError(
    'MESSAGE_SCHEMA',
    `The schema registry refuses ${url} (status ${status}): ${wordsOf(text)}. Correct the schema or the subject.`,
    { status },
  );
}

/** The message in a registry's error, or the beginning of whatever it sent. */
function wordsOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    if (typeof message === 'string') return message.slice(0, MOST_WORDS);
  } catch {
    // Not a registry's own error; its text says more than that.
  }
  return text.slice(0, MOST_WORDS);
}

async function authorizationOf(auth: RegistryAuth | null): Promise<string | null> {
  if (auth === null) return null;
  if (auth.kind === 'bearer') return `Bearer ${await auth.token()}`;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password()}`).toString('base64')}`;
}

/** The address without a slash at its end. Credentials do not belong there: addresses stand in messages. */
function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new SluiceError('CONFIG_INVALID', 'The address of the schema registry must begin with http:// or https://.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new SluiceError(
      'CONFIG_INVALID',
      'The address of the schema registry holds a user or password. Set them by themselves, not in the address.',
    );
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}
